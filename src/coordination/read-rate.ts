import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadRate } from '../providers/client/rates.ts'
import { createRollingWindow } from './rolling-window.ts'

const minIntervalMs = 20

/**
 * How many reads there are at a time. One every tenth of a second, not ten every second: two bursts may else meet within
 * one of the provider's seconds.
 */
export function readSlotsOf(readsPerSecond: number): { readonly slots: number; readonly everyMs: number } {
  const slots = Math.max(1, Math.floor((readsPerSecond * minIntervalMs) / 1_000))
  return { slots, everyMs: (slots * 1_000) / readsPerSecond }
}

/** How many of the slots that were asked for are taken, and how long until there is another, in milliseconds. */
export interface AcquiredReads {
  readonly acquired: number
  readonly freeInMs: number
}

/** Takes up to `count` slots for reads. Never rejects. */
export type AcquireReads = (count: number) => Promise<AcquiredReads>

/** The reads of this process alone: at most `slots` in any `everyMs`. `release` frees the last ones that were taken. */
export function createLocalReads({ slots, everyMs }: ReturnType<typeof readSlotsOf>) {
  const window = createRollingWindow(everyMs)
  return {
    acquire(count: number): AcquiredReads & { release(count: number): void } {
      const added = Array.from({ length: Math.min(count, Math.max(0, slots - window.count())) }, () => window.add())
      return {
        acquired: added.length,
        freeInMs: window.leavesInMs(0),
        release: (surplus) => added.splice(added.length - surplus).forEach((remove) => remove()),
      }
    },
  }
}

/** First come, first served. Asks for the slots of all that wait at once, so that the pace does not depend on how long an answer takes. */
export function createReadRate(acquire: AcquireReads): ReadRate {
  let waiting: (() => void)[] = []
  let isServing = false
  const stopping = new AbortController()

  async function serve(): Promise<void> {
    isServing = true
    while (waiting.length > 0) {
      const { acquired, freeInMs } = await acquire(waiting.length)
      const next = waiting.slice(0, acquired)
      waiting = waiting.slice(acquired)
      for (const go of next) go()
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
      for (const go of waiting.splice(0)) go()
    },
  }
}
