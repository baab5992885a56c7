import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadPace } from '../providers/client/rates.ts'
import { createRollingWindow } from './rolling-window.ts'

const shortestIntervalMs = 20

/**
 * How many reads there are at a time. One every tenth of a second, not ten every second: two bursts may else meet within
 * one of the provider's seconds.
 */
export function paceOf(readsPerSecond: number): { readonly places: number; readonly everyMs: number } {
  const places = Math.max(1, Math.floor((readsPerSecond * shortestIntervalMs) / 1_000))
  return { places, everyMs: (places * 1_000) / readsPerSecond }
}

/** How many of the slots that were asked for are taken, and how long until there is another, in milliseconds. */
export interface TakenReads {
  readonly taken: number
  readonly freeInMs: number
}

/** Takes up to `count` slots for reads. Never rejects. */
export type TakeReads = (count: number) => Promise<TakenReads>

/** The reads of this process alone: at most `places` in any `everyMs`. `giveBack` frees the last ones that were taken. */
export function createOwnReads({ places, everyMs }: ReturnType<typeof paceOf>) {
  const window = createRollingWindow(everyMs)
  return {
    take(count: number): TakenReads & { giveBack(count: number): void } {
      const added = Array.from({ length: Math.min(count, Math.max(0, places - window.count())) }, () => window.add())
      return {
        taken: added.length,
        freeInMs: window.leavesInMs(0),
        giveBack: (surplus) => added.splice(added.length - surplus).forEach((remove) => remove()),
      }
    },
  }
}

/** First come, first served. Asks for the slots of all that wait at once, so that the pace does not depend on how long an answer takes. */
export function createReadPace(take: TakeReads): ReadPace {
  let waiting: (() => void)[] = []
  let isServing = false
  const stopping = new AbortController()

  async function serve(): Promise<void> {
    isServing = true
    while (waiting.length > 0) {
      const { taken, freeInMs } = await take(waiting.length)
      const next = waiting.slice(0, taken)
      waiting = waiting.slice(taken)
      for (const go of next) go()
      if (waiting.length > 0) await sleep(freeInMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
    isServing = false
  }

  return {
    async turn() {
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
