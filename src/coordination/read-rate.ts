import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadRate } from '../providers/client/rates.ts'
import { derived } from '../runtime/derived.ts'
import { createRollingWindow } from './rolling-window.ts'

const minIntervalMs = 20

/**
 * Spreads the reads: one every 100 ms instead of 10 every second. Two bursts could fall into the same second of the
 * provider. Above 50 reads a second, several reads share an interval.
 */
export function readSlotsOf(readsPerSecond: number): { readonly slots: number; readonly everyMs: number } {
  const slots = Math.max(1, Math.floor((readsPerSecond * minIntervalMs) / 1_000))
  return { slots, everyMs: (slots * 1_000) / readsPerSecond }
}

/** The number of slots that were acquired, and the milliseconds until the next slot. */
export interface AcquiredReads {
  readonly acquired: number
  readonly freeInMs: number
}

/**
 * Takes up to `count` slots. Resolves when they may be used, or if there are none at once. Never rejects.
 * @param signal aborted when nobody waits any more
 */
export type AcquireReads = (count: number, signal: AbortSignal) => Promise<AcquiredReads>

/** Counts the reads of this process: at most `slots` in any `everyMs`. `release` frees the last slots that were taken. */
export function createLocalReads(readsPerSecond: () => number) {
  const rate = derived(readsPerSecond, (perSecond) => {
    const { slots, everyMs } = readSlotsOf(perSecond)
    return { slots, window: createRollingWindow(everyMs) }
  })
  return {
    acquire(count: number): AcquiredReads & { release(count: number): void } {
      const { slots, window } = rate()
      const added = Array.from({ length: Math.min(count, Math.max(0, slots - window.count())) }, () => window.add())
      return {
        acquired: added.length,
        freeInMs: window.leavesInMs(0),
        release: (surplus) => added.splice(added.length - surplus).forEach((remove) => remove()),
      }
    },
  }
}

/** Serves reads in order. Acquires the slots of all waiting reads in one call, so that a slow call does not slow the rate. */
export function createReadRate(acquire: AcquireReads): ReadRate {
  let waiting: (() => void)[] = []
  let isServing = false
  const stopping = new AbortController()

  async function serve(): Promise<void> {
    isServing = true
    while (waiting.length > 0) {
      const { acquired, freeInMs } = await acquire(waiting.length, stopping.signal)
      const served = waiting.slice(0, acquired)
      waiting = waiting.slice(acquired)
      for (const resolve of served) resolve()
      if (waiting.length > 0) await sleep(freeInMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
    isServing = false
  }

  return {
    async acquire() {
      if (stopping.signal.aborted) return
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
        if (!isServing) void serve()
      })
    },
    stop() {
      stopping.abort()
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
}
