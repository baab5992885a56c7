import type { Log } from './log.ts'

/** Logs that something is away: a line when it goes, one a minute with a count while it fails, one when it is back. */
export interface OutageLog {
  /** Something was tried and failed; `detail` says why. */
  failed(detail: object): void
  /** The same was tried and worked. */
  worked(): void
  isDown(): boolean
}

export interface OutageLogOptions {
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  readonly level: 'warn' | 'error'
  /** What is logged when it goes, and when it is back. */
  readonly away: string
  readonly back: string
  /** Stands in every line. */
  readonly detail?: object
  /** It counts as back once nothing has failed for so long, in milliseconds: where one of many fails it comes and goes. */
  readonly quietMs?: number
  /** How often it is logged while it stays away, in milliseconds. */
  readonly reminderIntervalMs?: number
}

const defaultQuietMs = 5_000
const defaultReminderIntervalMs = 60_000

export function createOutageLog(options: OutageLogOptions): OutageLog {
  const { log, level, away, back, detail: common = {} } = options
  const { quietMs = defaultQuietMs, reminderIntervalMs = defaultReminderIntervalMs } = options
  let isDown = false
  let sinceMs = 0
  let loggedMs = 0
  let lastFailedMs = 0
  let hasWorkedSince = false
  let failures = 0
  let waiting: NodeJS.Timeout | null = null

  const secondsSince = (ms: number) => Math.round((performance.now() - ms) / 1_000)

  function endIfQuiet(): void {
    waiting = null
    if (!isDown || !hasWorkedSince) return
    const leftMs = quietMs - (performance.now() - lastFailedMs)
    if (leftMs > 0) {
      waiting = setTimeout(endIfQuiet, leftMs).unref()
      return
    }
    isDown = false
    log.info({ ...common, failures, seconds: secondsSince(sinceMs) }, back)
  }

  return {
    failed(detail) {
      const nowMs = performance.now()
      lastFailedMs = nowMs
      hasWorkedSince = false
      if (!isDown) {
        isDown = true
        failures = 1
        sinceMs = nowMs
        loggedMs = nowMs
        log[level]({ ...common, ...detail }, away)
        return
      }
      failures += 1
      if (nowMs - loggedMs < reminderIntervalMs) return
      loggedMs = nowMs
      log[level]({ ...common, ...detail, failures, seconds: secondsSince(sinceMs) }, `still so: ${away}`)
    },
    worked() {
      if (!isDown) return
      hasWorkedSince = true
      if (waiting === null) endIfQuiet()
    },
    isDown: () => isDown,
  }
}
