import DataLoader from 'dataloader'
import { isSingleTaskError } from '../errors.ts'
import type { TaskReader } from '../store/task-reader.ts'
import type { Task } from '../task/task.ts'

/** The task as it is stored now; null if there is none. */
export type ReadTask = (taskId: string) => Promise<Task | null>

const maxBatchSize = 500

/** Batches simultaneous reads, as when many subscribers reconnect. Caches nothing. */
export function createReadTask(reader: Pick<TaskReader, 'find'>): ReadTask {
  const loader = new DataLoader<string, Task | null>(
    async (taskIds) => {
      const tasks = await findEach(reader, [...new Set(taskIds)])
      return taskIds.map((taskId) => tasks.get(taskId) ?? null)
    },
    { cache: false, maxBatchSize },
  )
  return (taskId) => loader.load(taskId)
}

/** The tasks by id, in one read. If one of them cannot be read, each is read by itself, and maps to its task or its error. */
export async function findEach(
  reader: Pick<TaskReader, 'find'>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Task | Error>> {
  try {
    return new Map((await reader.find(ids)).map((task) => [task.id, task]))
  } catch (error) {
    if (!isSingleTaskError(error)) throw error
    const [first = ''] = ids
    if (ids.length === 1) return new Map([[first, error]])
    return new Map((await Promise.all(ids.map(async (id) => [...(await findEach(reader, [id]))]))).flat())
  }
}
