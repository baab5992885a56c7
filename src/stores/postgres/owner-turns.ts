import type { InOwnersTurn } from '../database/database-traits.ts'
import { createWorkQueue, type Enqueue, type WorkQueueOptions } from './work-queue.ts'

/**
 * Lets each owner have a part of the connections only. The orders of an owner wait for each other in the database, where its budget
 * is one row: if a suspended gateway holds that row, they would otherwise hold every connection until their timeout.
 * @param options of the queue of each owner
 */
export function createOwnerTurns(options: WorkQueueOptions): InOwnersTurn {
  const queues = new Map<string, { readonly enqueue: Enqueue; users: number }>()

  return async function inOwnersTurn(owner, work) {
    const queue = queues.get(owner) ?? { enqueue: createWorkQueue(options), users: 0 }
    queues.set(owner, queue)
    queue.users += 1
    try {
      return await queue.enqueue(work)
    } finally {
      queue.users -= 1
      if (queue.users === 0) queues.delete(owner)
    }
  }
}
