import type { OrderRate, Slot, WaitingOrders } from './rates.ts'

/** Hands the slots of a provider's rate out: one queue for each caller, and the callers in turn. */
export interface OrderQueue {
  /** A slot at once, unless none is free or orders that wait already come first. */
  acquire(caller: string): Promise<Slot>
  /** Waits for a slot until `untilMs`, by performance.now(). */
  wait(caller: string, untilMs: number): Promise<Slot>
}

interface CallerQueue {
  readonly orders: ((slot: Slot) => void)[]
  /** Its caller has its share of the slots, so it holds up nobody else. */
  isShareUsed: boolean
}

export function createOrderQueue(rate: OrderRate): OrderQueue {
  /** The callers with waiting orders, whose turn is next first. */
  const queues = new Map<string, CallerQueue>()
  let isServing = false
  let mustServeAgain = false
  let timer: NodeJS.Timeout | undefined

  /** How many orders are served before a new one of this caller. */
  function before(caller: string): WaitingOrders {
    const own = queues.get(caller)?.orders.length ?? 0
    let all = own
    for (const [each, { orders, isShareUsed }] of queues) {
      if (each !== caller && !isShareUsed) all += Math.min(orders.length, own + 1)
    }
    return { all, own }
  }

  async function acquire(caller: string): Promise<Slot> {
    return acquired(await rate.acquire(caller, before(caller)))
  }

  /** The slot; if it is given back, the next in turn has it. */
  function acquired(slot: Slot): Slot {
    if (slot.kind === 'full') return slot
    return {
      kind: 'acquired',
      release() {
        slot.release()
        void serve()
      },
    }
  }

  /** Serves whoever can be served now, and comes again when there is another slot. */
  async function serve(): Promise<void> {
    mustServeAgain = true
    if (isServing) return
    isServing = true
    while (mustServeAgain) {
      mustServeAgain = false
      clearTimeout(timer)
      const freeInMs = await serveNext()
      if (freeInMs === 0) mustServeAgain = true
      else if (queues.size > 0) timer = setTimeout(() => void serve(), freeInMs)
    }
    isServing = false
  }

  /** Serves the first caller in turn that may have a slot; returns how long until it is worth trying again, 0 for at once. */
  async function serveNext(): Promise<number> {
    let soonestMs = Infinity
    for (const caller of queues.keys()) {
      const slot = await rate.acquire(caller)
      // Orders may have left and come while it was asked.
      const queue = queues.get(caller)
      if (slot.kind === 'acquired') {
        const deliver = queue?.orders.shift()
        // Its turn is over: it goes to the end, behind the others.
        queues.delete(caller)
        if (queue !== undefined && queue.orders.length > 0) {
          queue.isShareUsed = false
          queues.set(caller, queue)
        }
        if (deliver === undefined) slot.release()
        else deliver(acquired(slot))
        return 0
      }
      if (queue !== undefined) queue.isShareUsed = slot.isShareUsed
      soonestMs = Math.min(soonestMs, slot.freeInMs)
      if (slot.isFull) break
    }
    return soonestMs
  }

  return {
    acquire,

    async wait(caller, untilMs) {
      const queue = queues.get(caller) ?? { orders: [], isShareUsed: false }
      queues.set(caller, queue)
      let leave = () => {}
      const slot = await new Promise<Slot | null>((resolve) => {
        const timeUp = setTimeout(() => {
          leave()
          resolve(null)
        }, untilMs - performance.now())
        const deliver = (given: Slot) => {
          clearTimeout(timeUp)
          resolve(given)
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
