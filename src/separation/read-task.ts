import DataLoader from 'dataloader'
import type { Store } from './ports.ts'
import type { Task } from './task.ts'

/** The task as it stands in the store at this moment; null if there is none. */
export type ReadTask = (taskId: string) => Promise<Task | null>

const maxBatchSize = 500

/** Reads together what many ask for at one time, as after a connection was lost. Nothing is remembered. */
export function createReadTask(store: Pick<Store, 'find'>): ReadTask {
  const loader = new DataLoader<string, Task | null>(
    async (taskIds) => {
      const tasks = new Map((await store.find([...new Set(taskIds)])).map((task) => [task.id, task]))
      return taskIds.map((taskId) => tasks.get(taskId) ?? null)
    },
    { cache: false, maxBatchSize },
  )
  return (taskId) => loader.load(taskId)
}
