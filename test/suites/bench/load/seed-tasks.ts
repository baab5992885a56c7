import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '../../../../src/stores/open-store.ts'
import { partsOfType } from '../../../../src/separation/task/separation-type.ts'
import type { PendingTask, SucceededTask, Task } from '../../../../src/separation/task/task.ts'
import type { Log } from '../../../../src/runtime/log.ts'
import { pendingTask, stem, succeededTask } from '../../../support/tasks.ts'
import { owner } from '../servers/bench-gateway.ts'

const silence: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
/** A folder in memory, where a commit costs nothing. */
const memoryFolder = '/dev/shm'
const atATime = 64

/** Writes tasks into a new SQLite file through the store's own code; no task is due. */
export async function seedTasks(path: string, tasks: readonly Task[]): Promise<void> {
  const folder = await mkdtemp(join(existsSync(memoryFolder) ? memoryFolder : tmpdir(), 'stemgate-bench-'))
  const file = join(folder, 'stemgate.db')
  try {
    const store = await openStore({ kind: 'sqlite', path: file }, silence)
    for (let at = 0; at < tasks.length; at += atATime) {
      await Promise.all(tasks.slice(at, at + atATime).map((task) => store.adopt(task, null)))
    }
    await store.close()
    await copyFile(file, path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Settled tasks with every stem that `split_stem` can yield. */
export function settledTasks(count: number): readonly SucceededTask[] {
  const stems = partsOfType.split_stem.map((part) => stem(part, { label: part, durationSeconds: 184.2 }))
  return Array.from({ length: count }, (_, nth) =>
    succeededTask({ owner, type: 'split_stem', audioId: `audio-${nth}`, stems }),
  )
}

/** Pending tasks that are bound to a provider task id each. */
export function pendingTasks(count: number): readonly PendingTask[] {
  return Array.from({ length: count }, (_, nth) =>
    pendingTask({ owner, type: 'split_stem', audioId: `audio-${nth}`, createdAtMs: Date.now() }),
  )
}
