import type { OrderRate, Slot, WaitingOrders } from './rates.ts'

/** Distributes the slots of a provider's rate: one queue for each caller, and the callers take turns. */
export interface OrderQueue {
  /** Takes a slot now, unless none is free or waiting orders need the free ones. */
  acquire(caller: string): Promise<Slot>
  /** Waits for a slot until `untilMs`, in the time of performance.now(). */
  wait(caller: string, untilMs: number): Promise<Slot>
}

interface CallerQueue {
  readonly orders: ((slot: Slot) => void)[]
  /** The caller holds its share of the slots, so its orders do not delay other callers. */
  isShareUsed: boolean
}

export function createOrderQueue(rate: OrderRate): OrderQueue {
  /** The callers with waiting orders, in the order of their turns. */
  const queues = new Map<string, CallerQueue>()
  let isServing = false
  let mustServeAgain = false
  let timer: NodeJS.Timeout | undefined

  /** How many waiting orders are served before a new one of this caller. */
  function waitingBefore(caller: string): WaitingOrders {
    const own = queues.get(caller)?.orders.length ?? 0
    let all = own
    for (const [each, { orders, isShareUsed }] of queues) {
      if (each !== caller && !isShareUsed) all += Math.min(orders.length, own + 1)
    }
    return { all, own }
  }

  async function acquire(caller: string): Promise<Slot> {
    return withRelease(await rate.acquire(caller, waitingBefore(caller)))
  }

  /** The same slot; releasing it serves the next order. */
  function withRelease(slot: Slot): Slot {
    if (slot.kind === 'full') return slot
    return {
      kind: 'acquired',
      sent: slot.sent,
      release() {
        slot.release()
        void serve()
      },
    }
  }

  /** Serves all orders that have a slot now, and sets a timer for the next slot. */
  async function serve(): Promise<void> {
    mustServeAgain = true
    if (isServing) return
    isServing = true
    while (mustServeAgain) {
      mustServeAgain = false
      clearTimeout(timer)
      const freeInMs = await serveNext()
      if (freeInMs === 0) mustServeAgain = true
      else if (queues.size > 0) timer = setTimeout(() => void serve(), freeInMs).unref()
    }
    isServing = false
  }

  /** Serves the first caller in turn that may have a slot. Returns the milliseconds until the next attempt; 0: now. */
  async function serveNext(): Promise<number> {
    let minMs = Infinity
    for (const caller of queues.keys()) {
      const slot = await rate.acquire(caller)
      // Read the queue again: orders may have joined or left while the rate was asked.
      const queue = queues.get(caller)
      if (slot.kind === 'acquired') {
        const deliver = queue?.orders.shift()
        // Its turn is over: the caller goes to the end of the line.
        queues.delete(caller)
        if (queue !== undefined && queue.orders.length > 0) {
          queue.isShareUsed = false
          queues.set(caller, queue)
        }
        if (deliver === undefined) slot.release()
        else deliver(withRelease(slot))
        return 0
      }
      if (queue !== undefined) queue.isShareUsed = slot.isShareUsed
      minMs = Math.min(minMs, slot.freeInMs)
      if (slot.isFull) break
    }
    return minMs
  }

  return {
    acquire,

    async wait(caller, untilMs) {
      const queue = queues.get(caller) ?? { orders: [], isShareUsed: false }
      queues.set(caller, queue)
      let leave = () => {}
      const slot = await new Promise<Slot | null>((resolve) => {
        const timeout = setTimeout(() => {
          leave()
          resolve(null)
        }, untilMs - performance.now()).unref()
        const deliver = (acquired: Slot) => {
          clearTimeout(timeout)
          resolve(acquired)
        }
        leave = () => {
          queue.orders.splice(queue.orders.indexOf(deliver), 1)
          if (queue.orders.length === 0 && queues.get(caller) === queue) queues.delete(caller)
        }
        queue.orders.push(deliver)
        void serve()
      })
      return slot ?? acquire(caller)
    },
  }
}
