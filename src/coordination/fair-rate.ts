import type { NoSlot, WaitingOrders } from '../providers/client/rates.ts'
import { createRollingWindow, type RollingWindow } from './rolling-window.ts'

/** A rate that holds over every window, and that no caller uses up while others wait. See `OrderRate`. */
export interface FairRate {
  acquire(caller: string, waiting?: WaitingOrders): { readonly kind: 'acquired'; readonly release: () => void } | NoSlot
}

export interface FairRateOptions {
  readonly limit: number
  readonly windowMs: number
}

export const noWaitingOrders: WaitingOrders = { all: 0, own: 0 }

/** How many of the slots one caller may hold while others wait. */
export function shareOf(limit: number): number {
  return Math.ceil(limit / 2)
}

/** Two full counts on either side of a fixed window's edge would be twice the rate, so the window rolls. Times are monotonic. */
export function createFairRate({ limit, windowMs }: FairRateOptions): FairRate {
  const slots = createRollingWindow(windowMs)
  const slotsOfCallers = new Map<string, RollingWindow>()
  /** Until when each caller that was refused a slot counts as waiting. */
  const waitingUntilMs = new Map<string, number>()

  function slotsOf(caller: string): RollingWindow {
    if (slotsOfCallers.size > 2 * slots.count() + 100) {
      for (const [each, own] of slotsOfCallers) if (own.count() === 0) slotsOfCallers.delete(each)
    }
    const own = slotsOfCallers.get(caller) ?? createRollingWindow(windowMs)
    slotsOfCallers.set(caller, own)
    return own
  }

  /** For how long yet somebody besides the caller counts as waiting, in milliseconds. */
  function othersWaitMs(caller: string): number {
    const nowMs = performance.now()
    let longestMs = 0
    for (const [each, untilMs] of waitingUntilMs) {
      if (untilMs <= nowMs) waitingUntilMs.delete(each)
      else if (each !== caller) longestMs = Math.max(longestMs, untilMs - nowMs)
    }
    return longestMs
  }

  /** How long until one more slot of the window is free than are needed already, in milliseconds; 0 if there is one. */
  function freeInMs(window: RollingWindow, needed: number, most: number): number {
    const held = window.count()
    const index = held + needed - most
    if (index < 0) return 0
    if (index < held) return window.leavesInMs(index)
    // It waits for the slots of orders that have none yet.
    return windowMs * (1 + Math.floor((index - held) / most)) + window.leavesInMs((index - held) % most)
  }

  return {
    acquire(caller, waiting = noWaitingOrders) {
      const own = slotsOf(caller)
      const allFreeInMs = freeInMs(slots, waiting.all, limit)
      const othersMs = othersWaitMs(caller)
      const ownFreeInMs = Math.min(othersMs, freeInMs(own, waiting.own, shareOf(limit)))
      if (allFreeInMs > 0 || ownFreeInMs > 0) {
        const longestMs = Math.max(allFreeInMs, ownFreeInMs)
        waitingUntilMs.set(caller, performance.now() + longestMs + windowMs)
        return { kind: 'full', freeInMs: longestMs, isFull: allFreeInMs > 0, isShareUsed: ownFreeInMs > 0 }
      }
      const removals = [slots.add(), own.add()]
      return { kind: 'acquired', release: () => removals.forEach((remove) => remove()) }
    },
  }
}
