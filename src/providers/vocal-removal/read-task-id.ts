import { z } from 'zod'
import { idTextField, keptId } from './fields.ts'

/** What an answer or a callback says of the id of its task. */
export type NamedId =
  | { readonly kind: 'kept'; readonly id: string }
  /** It names one that cannot be kept: see `keptId`. */
  | { readonly kind: 'unkept' }
  | { readonly kind: 'none' }

const ids = z.object({ taskId: idTextField, task_id: idTextField })

/** Reads `taskId` or `task_id` of an object: both spellings stand on one page (`facts.md`). */
export function readTaskId(data: unknown): NamedId {
  const read = ids.safeParse(data)
  if (!read.success) return { kind: 'none' }
  const { taskId, task_id } = read.data
  const id = keptId(task_id) ?? keptId(taskId)
  if (id !== null) return { kind: 'kept', id }
  return task_id === null && taskId === null ? { kind: 'none' } : { kind: 'unkept' }
}

/** Why an id was not kept, in words for the operator. */
export const unkeptProblem =
  'the provider names the task by an id that cannot be kept: it is longer than 1,024 bytes, holds control characters or is our own address'
