import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { newTaskId } from '../../../../src/separation/task/task-id.ts'
import type { PendingTask } from '../../../../src/separation/task/task.ts'
import type { Store } from '../../../../src/separation/store/store.ts'
import { pendingTask } from '../../../support/tasks.ts'
import { owner } from '../servers/bench-gateway.ts'

/** How often per second this disk takes one row: an insert and a commit with fsync, one after the other, by plain SQLite. */
export function measureCommitRate(folder: string, seconds: number): number {
  const database = new DatabaseSync(join(folder, 'commits.db'))
  try {
    database.exec('pragma journal_mode = wal; pragma synchronous = full; create table if not exists t (row text)')
    const insert = database.prepare('insert into t values (?)')
    const row = JSON.stringify(pendingTask())
    const startedAtMs = performance.now()
    let commits = 0
    while (performance.now() < startedAtMs + seconds * 1_000) {
      insert.run(row)
      commits++
    }
    return (commits * 1_000) / (performance.now() - startedAtMs)
  } finally {
    database.close()
  }
}

/**
 * How many orders per second the store takes by itself: what it writes for a submit, which is the order and then its
 * provider task id, by so many callers at a time, without GraphQL, HTTP or a provider.
 */
export async function measureStoreRate(store: Store, atATime: number, seconds: number): Promise<number> {
  const startedAtMs = performance.now()
  const endsAtMs = startedAtMs + seconds * 1_000
  let orders = 0
  const orderOneAfterOther = async () => {
    while (performance.now() < endsAtMs) {
      await order(store)
      orders++
    }
  }
  await Promise.all(Array.from({ length: atATime }, orderOneAfterOther))
  return (orders * 1_000) / (performance.now() - startedAtMs)
}

async function order(store: Store): Promise<void> {
  const id = newTaskId()
  const task: PendingTask = pendingTask({
    id,
    owner,
    audioId: `audio-of-${id}`,
    providerTaskId: null,
    charge: 'MAYBE',
    createdAtMs: Date.now(),
  })
  const dueAtMs = Date.now() + 3_600_000
  await store.createOrder({ task, key: null, dueAtMs, canJoin: () => true, isAdmitted: true })
  const bound: PendingTask = { ...task, providerTaskId: `provider-task-of-${id}`, charge: 'CHARGED', revision: 2 }
  if (!(await store.replace(bound, task))) throw new Error('Nobody else writes this task.')
}
