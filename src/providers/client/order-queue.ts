import type { OrderRate, Slot, WaitingOrders } from './rates.ts'

/** Hands the slots of a provider's rate out: one queue for each caller, and the callers in turn. */
export interface OrderQueue {
  /** A slot at once, unless none is free or orders that wait already come first. */
  take(caller: string): Promise<Slot>
  /** Waits for a slot until `untilMs`, by performance.now(). */
  wait(caller: string, untilMs: number): Promise<Slot>
}

interface Line {
  readonly orders: ((slot: Slot) => void)[]
  /** Its caller has its share of the slots, so it holds up nobody else. */
  isShareUsed: boolean
}

export function createOrderQueue(rate: OrderRate): OrderQueue {
  /** The callers with waiting orders, whose turn is next first. */
  const lines = new Map<string, Line>()
  let isServing = false
  let mustServeAgain = false
  let timer: NodeJS.Timeout | undefined

  /** How many orders are served before a new one of this caller. */
  function before(caller: string): WaitingOrders {
    const own = lines.get(caller)?.orders.length ?? 0
    let all = own
    for (const [each, { orders, isShareUsed }] of lines) {
      if (each !== caller && !isShareUsed) all += Math.min(orders.length, own + 1)
    }
    return { all, own }
  }

  async function take(caller: string): Promise<Slot> {
    return handedOut(await rate.take(caller, before(caller)))
  }

  /** The slot; if it is given back, the next in turn has it. */
  function handedOut(slot: Slot): Slot {
    if (slot.kind === 'full') return slot
    return {
      kind: 'taken',
      giveBack() {
        slot.giveBack()
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
      const freeInMs = await serveTurn()
      if (freeInMs === 0) mustServeAgain = true
      else if (lines.size > 0) timer = setTimeout(() => void serve(), freeInMs)
    }
    isServing = false
  }

  /** Serves the first caller in turn that may have a slot; returns how long until it is worth trying again, 0 for at once. */
  async function serveTurn(): Promise<number> {
    let soonestMs = Infinity
    for (const caller of lines.keys()) {
      const slot = await rate.take(caller)
      // Orders may have left and come while it was asked.
      const line = lines.get(caller)
      if (slot.kind === 'taken') {
        const hand = line?.orders.shift()
        // Its turn is over: it goes to the end, behind the others.
        lines.delete(caller)
        if (line !== undefined && line.orders.length > 0) {
          line.isShareUsed = false
          lines.set(caller, line)
        }
        if (hand === undefined) slot.giveBack()
        else hand(handedOut(slot))
        return 0
      }
      if (line !== undefined) line.isShareUsed = slot.isShareUsed
      soonestMs = Math.min(soonestMs, slot.freeInMs)
      if (slot.isFull) break
    }
    return soonestMs
  }

  return {
    take,

    async wait(caller, untilMs) {
      const line = lines.get(caller) ?? { orders: [], isShareUsed: false }
      lines.set(caller, line)
      let leave = () => {}
      const slot = await new Promise<Slot | null>((resolve) => {
        const timeUp = setTimeout(() => {
          leave()
          resolve(null)
        }, untilMs - performance.now())
        const hand = (given: Slot) => {
          clearTimeout(timeUp)
          resolve(given)
        }
        leave = () => {
          line.orders.splice(line.orders.indexOf(hand), 1)
          if (line.orders.length === 0 && lines.get(caller) === line) lines.delete(caller)
        }
        line.orders.push(hand)
        void serve()
      })
      return slot ?? take(caller)
    },
  }
}
