import { z } from 'zod'
import { isProviderId } from '../../separation/provider-task-id.ts'
import { containsCallbackAddress } from '../client/redact.ts'

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

/** An id as it is named: documented now as text, now as a number (`audioId`); always text here. */
export const idTextField = z
  .union([z.string().trim().min(1), z.int().transform(String)])
  .nullable()
  .catch(null)

/** An id that can be kept; anything else is null. */
export const idField = idTextField.transform(storableId)

/** The id, unless no store could keep it or nobody may see it: then null. */
export function storableId(id: string | null): string | null {
  return id !== null && isProviderId(id) && !containsCallbackAddress(id) ? id : null
}

/** Whatever stands there. */
export const anyField = z.unknown().optional()

/** An object of which no key is known before, also as JSON text; null for anything else. */
export const objectField = z.preprocess(parsedIfJson, z.record(z.string(), z.unknown()).nullable()).catch(null)

/** What JSON text holds, where a provider writes an object or a list as text; anything else as it is. */
export function parsedIfJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[{[]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
