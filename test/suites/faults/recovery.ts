import { setTimeout as sleep } from 'node:timers/promises'
import { orderUntilAnswered, watchUntilComplete, type Order, type Ordered, type Watched, type Where } from './client.ts'
import type { Cluster, Member } from './cluster.ts'
import type { Evidence } from './evidence.ts'
import type { Vendor } from './vendor.ts'

/** How long after a fault's end everything was as before, in milliseconds; Infinity: it was waited for in vain. */
export interface Recovery {
  /** Until an order was answered with a task, for each gateway. */
  readonly ordersMs: readonly number[]
  /** Until a callback that came to one gateway was told to a subscriber, for each other gateway. */
  readonly toldMs: readonly number[]
}

/** Measures through every gateway, over a vendor that no fault touches. */
export interface RecoveryProbe {
  /** Orders a track and subscribes to it at each gateway; all of that stands when it resolves. */
  prepare(): Promise<Prepared>
  /** Every order and watch so far, and how it ended. */
  soFar(): Pick<Evidence, 'orders' | 'watches'>
}

export interface Prepared {
  /** Begins at the fault's end; resolves when everything was as before, or has not become so within `withinMs`. */
  measure(withinMs: number): Promise<Recovery>
}

export interface RecoveryProbeOptions {
  readonly cluster: Cluster
  readonly vendor: Vendor
  readonly stop: AbortSignal
}

const prepareWithinMs = 30_000

export function createRecoveryProbe({ cluster, vendor, stop }: RecoveryProbeOptions): RecoveryProbe {
  const { members } = cluster
  const orders: { readonly order: Order; ended: Ordered }[] = []
  const watches: { readonly taskId: string; ended: Watched | null }[] = []
  let made = 0
  let probes = 0

  function newOrder(kind: 'steady' | 'held'): Order {
    const audioId = `probe${++made}-${kind}`
    const musicTaskId = `music-of-${audioId}`
    return { musicTaskId, audioId, type: 'SEPARATE_VOCAL', idempotencyKey: null, force: false, provider: 'APIKLEY' }
  }

  async function orderAt(where: Where, kind: 'steady' | 'held'): Promise<string | null> {
    const entry: (typeof orders)[number] = { order: newOrder(kind), ended: { kind: 'unanswered' } }
    orders.push(entry)
    entry.ended = await orderUntilAnswered(where, entry.order, stop)
    return entry.ended.kind === 'task' ? entry.ended.taskId : null
  }

  return {
    async prepare() {
      const [first, ...others] = turned(members, probes++)
      if (first === undefined) throw new Error('A cluster has members.')
      const taskId = await orderAt(first.process.url, 'held')
      const charge = vendor.ledger.find((each) => each.taskId === taskId)
      if (taskId === null || charge === undefined) throw new Error('The order of a probe was not taken.')
      const subscribers = others.map((member) => subscribe(member, taskId))
      await inTime(prepareWithinMs, Promise.all(subscribers.map(({ isShown }) => isShown)))

      return {
        async measure(withinMs) {
          const startedAtMs = performance.now()
          const timed = async (what: Promise<unknown>) => {
            const isDone = await Promise.race([what.then(() => true), sleep(withinMs, false, { ref: false })])
            return isDone ? performance.now() - startedAtMs : Number.POSITIVE_INFINITY
          }
          void vendor.finish(charge, first.process.url() ?? charge.callBackUrl)
          const [ordersMs, toldMs] = await Promise.all([
            Promise.all(members.map((member) => timed(orderAt(member.process.url, 'steady')))),
            Promise.all(subscribers.map(({ hasEnded }) => timed(hasEnded))),
          ])
          return { ordersMs, toldMs }
        },
      }
    },

    soFar: () => ({ orders, watches }),
  }

  function subscribe(member: Member, taskId: string): { isShown: Promise<void>; hasEnded: Promise<void> } {
    const entry: (typeof watches)[number] = { taskId, ended: null }
    watches.push(entry)
    let shown: () => void = () => {}
    const isShown = new Promise<void>((resolve) => (shown = resolve))
    const ended = watchUntilComplete(member.process.url, taskId, stop, { onShown: shown })
    return { isShown, hasEnded: ended.then((end) => void (entry.ended = end)) }
  }
}

/** The same in the same order, beginning with another one each time. */
function turned<T>(items: readonly T[], by: number): readonly T[] {
  const from = by % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}

async function inTime(withinMs: number, what: Promise<unknown>): Promise<void> {
  const late = sleep(withinMs, undefined, { ref: false }).then(() => {
    throw new Error(`A probe could not be made ready in ${withinMs / 1_000} s.`)
  })
  await Promise.race([what, late])
}
