import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  orderAllUntilAnswered,
  orderUntilAnswered,
  watchUntilComplete,
  type Order,
  type Ordered,
  type Watched,
  type Where,
} from './client.ts'
import type { Evidence, OrderEvidence } from './evidence.ts'
import { createRandom } from './random.ts'

export interface CrowdOptions {
  readonly seed: string
  readonly groups: readonly (readonly Order[])[]
  readonly where: Where
  readonly stop: AbortSignal
  /** How many of the groups are ordered with several others in one request, by `separateAll`. */
  readonly togetherShare?: number
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
  /**
   * Repeats every order that has a key and returned a task, and those that were beyond a budget although their track was
   * charged; resolves to the results.
   */
  orderAgain(isCharged: (audioId: string) => boolean): Promise<Evidence['orders']>
}

const ordersAtATime = 24
const watchedShare = 0.3
/** How many groups are ordered in one request. */
const groupsTogether = 8

/** Starts the crowd. */
export function startCrowd({ seed, groups, where, stop, allowed, togetherShare = 0 }: CrowdOptions): Crowd {
  const random = createRandom(`${seed}/crowd`)
  // One listener per subscription.
  setMaxListeners(0, stop)
  const orders: { readonly order: Order; ended: Ordered }[] = []
  const watches: { readonly taskId: string; ended: Watched | null }[] = []
  const underWay = new Set<Promise<void>>()
  const together: Order[] = []

  async function start(): Promise<void> {
    for (const [index, group] of groups.entries()) {
      while (!stop.aborted && (index >= allowed() || underWay.size >= ordersAtATime)) await sleep(20)
      if (stop.aborted) return
      const isTogether = index % groupsTogether < groupsTogether * togetherShare
      if (isTogether) together.push(...group)
      else for (const order of group) begin([order], async () => [await orderUntilAnswered(where, order, stop)])
      const isLast = groups[index + 1]?.[0]?.caller !== group[0]?.caller || index === groups.length - 1
      if (isLast || index % groupsTogether === groupsTogether - 1) {
        const inputs = together.splice(0)
        if (inputs.length > 0) begin(inputs, () => orderAllUntilAnswered(where, inputs, stop))
      }
    }
  }

  function begin(ordered: readonly Order[], send: () => Promise<readonly Ordered[]>): void {
    const entries = ordered.map((order) => ({ order, ended: { kind: 'unanswered' } as Ordered }))
    orders.push(...entries)
    const watched = entries.map(() => random.next() < watchedShare)
    const all = send()
      .then((ends) => {
        for (const [at, entry] of entries.entries()) {
          entry.ended = ends[at] ?? entry.ended
          if (watched[at] === true) watch(entry)
        }
      })
      .finally(() => underWay.delete(all))
    underWay.add(all)
  }

  function watch({ order, ended }: OrderEvidence): void {
    if (ended.kind !== 'task') return
    const { taskId } = ended
    const entry: (typeof watches)[number] = { taskId, ended: null }
    watches.push(entry)
    // Not awaited here: the result is read at the end of the run.
    void watchUntilComplete(where, taskId, stop, { caller: order.caller }).then((last) => (entry.ended = last))
  }

  return {
    started: start(),
    async answered() {
      await Promise.all(underWay)
    },
    soFar: () => ({ orders, watches }),
    async orderAgain(isCharged) {
      const again: OrderEvidence[] = []
      const known = orders.filter(({ order, ended }) =>
        ended.kind === 'task'
          ? order.idempotencyKey !== null
          : ended.kind === 'refused' && ended.error === 'BudgetExceededError' && isCharged(order.audioId),
      )
      for (const { order } of known) {
        again.push({ order, ended: await orderUntilAnswered(where, order, stop), isRepeat: true })
      }
      return again
    },
  }
}
