import { setTimeout as sleep } from 'node:timers/promises'
import type { Changes } from '../changes.ts'
import type { TaskCursor } from '../store/task-reader.ts'
import type { TaskDeleter } from '../store/task-deleter.ts'
import { createDeleteTasks, type DeleteTasksOptions, type DeletionCounts } from './delete-tasks.ts'

export interface ForgetOwnerOptions extends Omit<DeleteTasksOptions, 'store'> {
  readonly store: Pick<TaskDeleter, 'deletableOf' | 'deleteTasks' | 'deleteOwner'>
  /** Tells whoever watches a task that it is gone. */
  readonly changes: Pick<Changes, 'publish'>
}

export interface ForgetRun {
  /** Whether pending tasks are deleted as well: their results are lost, and their charges stay. */
  readonly includesPending: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (counts: Readonly<DeletionCounts>) => void
}

const pageSize = 200
/** How often tasks are looked for that could not be deleted before, and how long between two looks, in milliseconds. */
const [maxLooks, lookEveryMs] = [40, 1_000]

/**
 * Deletes the tasks of an owner, oldest first, and then everything else that is stored of it. A run that was interrupted is done again.
 * Rejects with StoreUnavailableError, and with an AbortError once the signal aborts.
 * @returns what was deleted, and what was left in the end
 */
export async function forgetOwner(
  options: ForgetOwnerOptions,
  owner: string,
  { includesPending, signal, onProgress }: ForgetRun,
): Promise<DeletionCounts> {
  const { store, changes } = options
  const deleteTasks = createDeleteTasks(options)
  let deleted = 0

  async function look(): Promise<DeletionCounts> {
    const counts: DeletionCounts = { deleted: 0, busy: 0, withFiles: 0 }
    let after: TaskCursor | null = null
    for (;;) {
      const page = await store.deletableOf(owner, { after, limit: pageSize })
      await deleteTasks(
        page.filter(({ isSettled }) => isSettled || includesPending),
        counts,
        {
          ...(signal && { signal }),
          onDeleted(tasks) {
            for (const { id } of tasks) changes.publish(id, owner)
            onProgress?.({ ...counts, deleted: deleted + counts.deleted })
          },
        },
      )
      after = page.at(-1) ?? null
      if (after === null || page.length < pageSize) break
    }
    deleted += counts.deleted
    return counts
  }

  let last = await look()
  // A gateway may be checking or archiving a task, or store an order.
  for (let looks = 1; looks < maxLooks && (last.busy > 0 || last.deleted > 0); looks += 1) {
    if (last.busy > 0) await sleep(lookEveryMs, undefined, { signal })
    last = await look()
  }
  const left = await store.deletableOf(owner, { after: null, limit: 1 })
  if (left.length === 0) await store.deleteOwner(owner)
  return { ...last, deleted }
}
