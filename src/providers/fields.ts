import { z } from 'zod'
import { holdsCallbackAddress } from './clean-text.ts'

/** A whole number, or one written as text; anything else is null. */
export const codeField = z
  .union([
    z.int(),
    z
      .string()
      .trim()
      .regex(/^-?\d{1,9}$/)
      .transform(Number),
  ])
  .nullable()
  .catch(null)

/** Text with something in it, trimmed; anything else is null. */
export const textField = z.string().trim().min(1).nullable().catch(null)

const longestId = 1_024

/** An id: documented now as text, now as a number (`audioId`); always text here. What no store could keep, or nobody may see, is null. */
export const idField = z
  .union([
    z
      .string()
      .trim()
      .min(1)
      .max(longestId)
      .regex(/^[^\p{Cc}\p{Cs}]*$/u)
      .refine((text) => !holdsCallbackAddress(text)),
    z.int().transform(String),
  ])
  .nullable()
  .catch(null)

/** Whatever stands there. */
export const anyField = z.unknown().optional()

/** An object of which no key is known before; null for anything else. */
export const objectField = z.record(z.string(), z.unknown()).nullable().catch(null)
