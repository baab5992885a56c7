import { setTimeout as sleep } from 'node:timers/promises'
import { formatSkew, refuseAboveMs, warnAboveMs } from './clock-skew.ts'
import type { Clock } from '../../separation/store/clock.ts'
import type { Log } from '../../runtime/log.ts'

export interface DatabaseClockOptions {
  /** Reads the database's time, in milliseconds since 1970. */
  readonly readMs: () => Promise<number>
  /** Called with every measurement: how far the database's time is ahead of this machine's, in milliseconds. */
  readonly onSkew: (skewMs: number) => void
  readonly log: Log
}

/** The database's time, known in this process. */
export interface DatabaseClock extends Clock {
  /** Stops the measurements. */
  close(): void
}

/** This machine's clock differs too much from the database's to start. */
class ClockSkewError extends Error {
  override readonly name = 'ClockSkewError'
}

const measureIntervalMs = 30_000
/** A measurement uses the fastest of this many reads: the error is at most half the round trip. */
const samples = 3
/** A read that takes longer is less accurate than the previous measurement, and is ignored. */
const maxSampleMs = 2_000

/**
 * The database's time, so that all gateways of a database agree on leases. Between two measurements it advances by the
 * monotonic clock, so changes to this machine's clock have no effect.
 * Throws ClockSkewError if the two clocks differ by more than 60 s.
 */
export async function createDatabaseClock({ readMs, onSkew, log }: DatabaseClockOptions): Promise<DatabaseClock> {
  const closing = new AbortController()
  let aheadOfUptimeMs = 0
  let hasTime = false
  let isSkewed = false

  const first = await measure()
  if (Math.abs(first) > refuseAboveMs) {
    throw new ClockSkewError(
      `This machine's clock is ${formatSkew(first)} the database's. The limit is ${refuseAboveMs / 1000} s: correct the clock (NTP).`,
    )
  }
  void keepFresh()
  return {
    nowMs: () => Math.round(performance.now() + aheadOfUptimeMs),
    close: () => closing.abort(),
  }

  async function keepFresh(): Promise<void> {
    for (;;) {
      try {
        await sleep(measureIntervalMs, undefined, { ref: false, signal: closing.signal })
      } catch {
        return
      }
      // While the database is unavailable, the last measurement stays in use.
      await measure().catch(() => {})
    }
  }

  /** Sets the clock. Resolves to how far the database's time is ahead of this machine's, in milliseconds. */
  async function measure(): Promise<number> {
    let fastestMs = hasTime ? maxSampleMs : Number.POSITIVE_INFINITY
    for (let i = 0; i < samples; i++) {
      const startedAt = performance.now()
      const databaseMs = await readMs()
      const endedAt = performance.now()
      if (endedAt - startedAt >= fastestMs) continue
      fastestMs = endedAt - startedAt
      aheadOfUptimeMs = databaseMs - (startedAt + endedAt) / 2
      hasTime = true
    }
    const skewMs = performance.now() + aheadOfUptimeMs - Date.now()
    onSkew(skewMs)
    logSkew(skewMs)
    return skewMs
  }

  function logSkew(skewMs: number): void {
    const wasSkewed = isSkewed
    isSkewed = Math.abs(skewMs) > warnAboveMs
    if (isSkewed && !wasSkewed) {
      log.warn(
        { event: 'clock.skewed', skewMs: Math.round(skewMs) },
        `this machine's clock is ${formatSkew(skewMs)} the database's: use NTP`,
      )
    }
    if (wasSkewed && !isSkewed)
      log.info({ event: 'clock.agrees' }, "this machine's clock agrees with the database's again")
  }
}
