import type { Slot, WaitingOrders } from '../providers/client/rates.ts'
import { createRollingWindow, type RollingWindow } from './rolling-window.ts'

/** A rate limit for every period of `windowMs`. One caller cannot use all slots while others wait. See `OrderRate`. */
export interface FairRate {
  acquire(caller: string, waiting?: WaitingOrders): Slot
}

export interface FairRateOptions {
  readonly limit: () => number
  readonly windowMs: number
}

export const noWaitingOrders: WaitingOrders = { all: 0, own: 0 }

/** The maximum number of slots of one caller while others wait. */
export function shareOf(limit: number): number {
  return Math.ceil(limit / 2)
}

/** Uses a rolling window: fixed windows would permit twice the rate around their edges. Times are monotonic. */
export function createFairRate({ limit, windowMs }: FairRateOptions): FairRate {
  const slots = createRollingWindow(windowMs)
  const slotsOfCallers = new Map<string, RollingWindow>()
  /** The time until which each caller that got no slot counts as waiting. */
  const waitingUntilMs = new Map<string, number>()

  function slotsOf(caller: string): RollingWindow {
    if (slotsOfCallers.size > 2 * slots.count() + 100) {
      for (const [each, own] of slotsOfCallers) if (own.count() === 0) slotsOfCallers.delete(each)
    }
    const own = slotsOfCallers.get(caller) ?? createRollingWindow(windowMs)
    slotsOfCallers.set(caller, own)
    return own
  }

  /** How long another caller still counts as waiting, in milliseconds. */
  function othersWaitMs(caller: string): number {
    const nowMs = performance.now()
    let maxMs = 0
    for (const [each, untilMs] of waitingUntilMs) {
      if (untilMs <= nowMs) waitingUntilMs.delete(each)
      else if (each !== caller) maxMs = Math.max(maxMs, untilMs - nowMs)
    }
    return maxMs
  }

  /** How long until a slot is free after `waiting` orders have theirs, in milliseconds; 0 if there is one now. */
  function freeInMs(window: RollingWindow, waiting: number, max: number): number {
    const held = window.count()
    const index = held + waiting - max
    if (index < 0) return 0
    if (index < held) return window.leavesInMs(index)
    // It needs a slot that a waiting order will use first.
    return windowMs * (1 + Math.floor((index - held) / max)) + window.leavesInMs((index - held) % max)
  }

  return {
    acquire(caller, waiting = noWaitingOrders) {
      const own = slotsOf(caller)
      const max = limit()
      const allFreeInMs = freeInMs(slots, waiting.all, max)
      const othersMs = othersWaitMs(caller)
      const ownFreeInMs = Math.min(othersMs, freeInMs(own, waiting.own, shareOf(max)))
      if (allFreeInMs > 0 || ownFreeInMs > 0) {
        const maxMs = Math.max(allFreeInMs, ownFreeInMs)
        waitingUntilMs.set(caller, performance.now() + maxMs + windowMs)
        return { kind: 'full', freeInMs: maxMs, isFull: allFreeInMs > 0, isShareUsed: ownFreeInMs > 0 }
      }
      let removals = [slots.add(), own.add()]
      const release = () => removals.forEach((remove) => remove())
      return {
        kind: 'acquired',
        release,
        sent() {
          release()
          removals = [slots.add(), own.add()]
        },
      }
    },
  }
}
