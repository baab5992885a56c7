import DataLoader from 'dataloader'
import { isSingleTaskError } from '../errors.ts'
import type { Task } from '../task.ts'
import type { Store } from '../store.ts'

/** The task as it stands in the store at this moment; null if there is none. */
export type ReadTask = (taskId: string) => Promise<Task | null>

const maxBatchSize = 500

/** Reads together what many ask for at one time, as after a connection was lost. Nothing is remembered. */
export function createReadTask(store: Pick<Store, 'find'>): ReadTask {
  const loader = new DataLoader<string, Task | null>(
    async (taskIds) => {
      const tasks = await findEach(store, [...new Set(taskIds)])
      return taskIds.map((taskId) => tasks.get(taskId) ?? null)
    },
    { cache: false, maxBatchSize },
  )
  return (taskId) => loader.load(taskId)
}

/** The tasks by their ids, in one read. Where one cannot be read each is read by itself, and its error stands in its place. */
export async function findEach(
  store: Pick<Store, 'find'>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Task | Error>> {
  try {
    return new Map((await store.find(ids)).map((task) => [task.id, task]))
  } catch (error) {
    if (!isSingleTaskError(error)) throw error
    const [first = ''] = ids
    if (ids.length === 1) return new Map([[first, error]])
    return new Map((await Promise.all(ids.map(async (id) => [...(await findEach(store, [id]))]))).flat())
  }
}
