import * as z from 'zod'
import { isProviderTaskId } from '../../separation/task/provider-task-id.ts'
import { containsCallbackAddress } from '../../separation/callback/callback-address.ts'

/** An integer, or an integer as text. Anything else is null. */
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

/** Non-empty text, trimmed. Anything else is null. */
export const textField = z.string().trim().min(1).nullable().catch(null)

/** An id as text. The pages disagree on whether `audioId` is text or a number (`docs/providers.md, "Ids"`). */
export const idTextField = z
  .union([z.string().trim().min(1), z.int().transform(String)])
  .nullable()
  .catch(null)

/** A storable id. Anything else is null. */
export const idField = idTextField.transform(storableId)

/** Returns the id; null if a store cannot hold it, or if it contains our callback URL, which is secret. */
export function storableId(id: string | null): string | null {
  return id !== null && isProviderTaskId(id) && !containsCallbackAddress(id) ? id : null
}

/** Any value, or none. */
export const anyField = z.unknown().optional()

/** An object with any keys, also as JSON text. Anything else is null. */
export const objectField = z.preprocess(parsedIfJson, z.record(z.string(), z.unknown()).nullable()).catch(null)

/** Parses an object or a list that a provider sends as JSON text. Returns anything else unchanged. */
export function parsedIfJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[{[]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
