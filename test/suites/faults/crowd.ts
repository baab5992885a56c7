import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { orderUntilAnswered, watchUntilComplete, type Order, type Ordered, type Watched, type Where } from './client.ts'
import type { Evidence } from './compare.ts'
import { createRandom } from './random.ts'

export interface CrowdOptions {
  readonly seed: string
  readonly groups: readonly (readonly Order[])[]
  readonly where: Where
  readonly stop: AbortSignal
  /** The maximum number of groups that may have started by now. */
  readonly allowed: () => number
}

/** Clients that order and subscribe, each until it is answered. */
export interface Crowd {
  /** Resolves when every order has been sent. */
  readonly started: Promise<void>
  /** Resolves when every order that was sent is answered. */
  answered(): Promise<void>
  /** The results so far. */
  soFar(): Pick<Evidence, 'orders' | 'watches'>
  /** Repeats every order that has a key and returned a task; resolves to the results. */
  orderAgain(): Promise<Evidence['orders']>
}

const ordersAtATime = 24
const watchedShare = 0.3

/** Starts the crowd. */
export function startCrowd({ seed, groups, where, stop, allowed }: CrowdOptions): Crowd {
  const random = createRandom(`${seed}/crowd`)
  // One listener per subscription.
  setMaxListeners(0, stop)
  const orders: { readonly order: Order; ended: Ordered }[] = []
  const watches: { readonly taskId: string; ended: Watched | null }[] = []
  const underWay = new Set<Promise<void>>()

  async function start(): Promise<void> {
    for (const [index, group] of groups.entries()) {
      while (!stop.aborted && (index >= allowed() || underWay.size >= ordersAtATime)) await sleep(20)
      if (stop.aborted) return
      for (const order of group) {
        const isWatched = random.next() < watchedShare
        const all = play(order, isWatched).finally(() => underWay.delete(all))
        underWay.add(all)
      }
    }
  }

  async function play(order: Order, isWatched: boolean): Promise<void> {
    const entry: (typeof orders)[number] = { order, ended: { kind: 'unanswered' } }
    orders.push(entry)
    entry.ended = await orderUntilAnswered(where, order, stop)
    if (!isWatched || entry.ended.kind !== 'task') return
    const { taskId } = entry.ended
    const watch: (typeof watches)[number] = { taskId, ended: null }
    watches.push(watch)
    // Not awaited here: the result is read at the end of the run.
    void watchUntilComplete(where, taskId, stop).then((ended) => (watch.ended = ended))
  }

  return {
    started: start(),
    async answered() {
      await Promise.all(underWay)
    },
    soFar: () => ({ orders, watches }),
    async orderAgain() {
      const again: { readonly order: Order; readonly ended: Ordered }[] = []
      const known = orders.filter(({ order, ended }) => order.idempotencyKey !== null && ended.kind === 'task')
      for (const { order } of known) again.push({ order, ended: await orderUntilAnswered(where, order, stop) })
      return again
    },
  }
}
