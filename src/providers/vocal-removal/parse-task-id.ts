import { z } from 'zod'
import { idTextField, storableId } from './fields.ts'

/** What an answer or a callback says of the id of its task. */
export type NamedId =
  | { readonly kind: 'usable'; readonly id: string }
  /** It names one that cannot be kept: see `storableId`. */
  | { readonly kind: 'unusable' }
  | { readonly kind: 'none' }

const ids = z.object({ taskId: idTextField, task_id: idTextField })

/** Reads `taskId` or `task_id` of an object: both spellings stand on one page (`facts.md`). */
export function parseTaskId(data: unknown): NamedId {
  const read = ids.safeParse(data)
  if (!read.success) return { kind: 'none' }
  const { taskId, task_id } = read.data
  const id = storableId(task_id) ?? storableId(taskId)
  if (id !== null) return { kind: 'usable', id }
  return task_id === null && taskId === null ? { kind: 'none' } : { kind: 'unusable' }
}

/** Why an id was not kept, in words for the operator. */
export const unusableIdProblem =
  'the provider names the task by an id that cannot be kept: it is longer than 1,024 bytes, holds control characters or is our own address'
