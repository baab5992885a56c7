import * as z from 'zod'
import { idTextField, storableId } from './fields.ts'

/** The task id in an answer or a callback. */
export type NamedId =
  | { readonly kind: 'usable'; readonly id: string }
  /** There is an id, but it cannot be stored: see `storableId`. */
  | { readonly kind: 'unusable' }
  | { readonly kind: 'none' }

const ids = z.object({ taskId: idTextField, task_id: idTextField })

/** Reads `taskId` or `task_id` of an object: one page has both spellings (`docs/providers.md, "Ids"`). */
export function parseTaskId(data: unknown): NamedId {
  const read = ids.safeParse(data)
  if (!read.success) return { kind: 'none' }
  const { taskId, task_id } = read.data
  const id = storableId(task_id) ?? storableId(taskId)
  if (id !== null) return { kind: 'usable', id }
  return task_id === null && taskId === null ? { kind: 'none' } : { kind: 'unusable' }
}

/** Why an id was not stored, for the operator. */
export const unusableIdProblem =
  'the provider task id cannot be stored: it is longer than 1,024 bytes, contains control characters or contains our callback URL'
