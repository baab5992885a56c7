import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../separation/store.ts'
import type { Log } from '../runtime/log.ts'

export interface DatabaseClockOptions {
  /** Asks the database for its time, in milliseconds since 1970. */
  readonly readMs: () => Promise<number>
  readonly log: Log
}

/** The database's time, as it is known in this process. */
export interface DatabaseClock extends Clock {
  /** Measures no more. */
  close(): void
}

/** This machine's clock and the database's are too far apart for a start. */
export class ClockSkewError extends Error {
  override readonly name = 'ClockSkewError'
}

/** How far the clock of this machine may be from the database's before the operator is warned, and before a start is refused. */
const warnAboveMs = 1_000
const refuseAboveMs = 60_000
const measureEveryMs = 30_000
/** The quickest of some answers tells the time best: half of the way there and back is what is not known. */
const samples = 3
/** An answer that took longer than this tells less than the last measurement. */
const maxSampleMs = 2_000

/**
 * A clock that shows the database's time, so that leases mean the same to all gateways of a database. Between two
 * measurements the time since the last one is added, which a change of this machine's clock does not touch.
 * Throws ClockSkewError if the two are more than a minute apart.
 */
export async function createDatabaseClock({ readMs, log }: DatabaseClockOptions): Promise<DatabaseClock> {
  const end = new AbortController()
  let aheadOfUptimeMs = 0
  let hasTime = false
  let isSkewed = false

  const first = await measure()
  if (Math.abs(first) > refuseAboveMs) {
    const words = `The clock of this machine is ${secondsOf(first)} the database's`
    throw new ClockSkewError(
      `${words}, and may differ from it by ${refuseAboveMs / 1000} s at most. Set it right (NTP).`,
    )
  }
  void keepFresh()
  return {
    nowMs: () => Math.round(performance.now() + aheadOfUptimeMs),
    close: () => end.abort(),
  }

  async function keepFresh(): Promise<void> {
    for (;;) {
      try {
        await sleep(measureEveryMs, undefined, { ref: false, signal: end.signal })
      } catch {
        return
      }
      // While the database is away, the time since the last measurement has to do.
      await measure().catch(() => {})
    }
  }

  /** Sets the clock; resolves to how far the database's time is ahead of this machine's, in milliseconds. */
  async function measure(): Promise<number> {
    let quickestMs = hasTime ? maxSampleMs : Number.POSITIVE_INFINITY
    for (let i = 0; i < samples; i++) {
      const startedAt = performance.now()
      const databaseMs = await readMs()
      const endedAt = performance.now()
      if (endedAt - startedAt >= quickestMs) continue
      quickestMs = endedAt - startedAt
      aheadOfUptimeMs = databaseMs - (startedAt + endedAt) / 2
      hasTime = true
    }
    const skewMs = performance.now() + aheadOfUptimeMs - Date.now()
    logSkew(skewMs)
    return skewMs
  }

  function logSkew(skewMs: number): void {
    const wasSkewed = isSkewed
    isSkewed = Math.abs(skewMs) > warnAboveMs
    if (isSkewed && !wasSkewed) {
      log.warn(
        { skewMs: Math.round(skewMs) },
        `the clock of this machine is ${secondsOf(skewMs)} the database's: use NTP`,
      )
    }
    if (wasSkewed && !isSkewed) log.info({}, "the clock of this machine agrees with the database's again")
  }
}

function secondsOf(skewMs: number): string {
  return `${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? 'behind' : 'ahead of'}`
}
