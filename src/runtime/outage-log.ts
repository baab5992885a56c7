import type { Log } from './log.ts'

/** Logs an outage: one line when it begins, one a minute with a count while it lasts, one when it is over. */
export interface OutageLog {
  /** Records a failed attempt; `detail` says why it failed. */
  failed(detail: object): void
  /** Records an attempt that succeeded. */
  worked(): void
  isDown(): boolean
  /** Ends an outage without a line: what failed was replaced, and nobody knows yet whether it works. */
  forget(): void
}

export interface OutageLogOptions {
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  readonly level: 'warn' | 'error'
  /** Logged when the outage begins, and in each reminder. */
  readonly downMessage: string
  /** Logged when the outage is over. */
  readonly upMessage: string
  /** Fields of every line. */
  readonly detail?: object
  /** How long nothing must fail before the outage counts as over, in milliseconds; intermittent failures are one outage. */
  readonly quietMs?: number
  /** The time between two reminders, in milliseconds. */
  readonly reminderIntervalMs?: number
}

const defaultQuietMs = 5_000
const defaultReminderIntervalMs = 60_000

export function createOutageLog(options: OutageLogOptions): OutageLog {
  const { log, level, downMessage, upMessage, detail: common = {} } = options
  const { quietMs = defaultQuietMs, reminderIntervalMs = defaultReminderIntervalMs } = options
  let isDown = false
  let startedAtMs = 0
  let lastLoggedMs = 0
  let lastFailedMs = 0
  let hasWorkedSinceFailure = false
  let failures = 0
  let timer: NodeJS.Timeout | null = null

  const secondsSince = (ms: number) => Math.round((performance.now() - ms) / 1_000)

  function endIfQuiet(): void {
    timer = null
    if (!isDown || !hasWorkedSinceFailure) return
    const leftMs = quietMs - (performance.now() - lastFailedMs)
    if (leftMs > 0) {
      timer = setTimeout(endIfQuiet, leftMs).unref()
      return
    }
    isDown = false
    log.info({ event: 'outage.ended', ...common, failures, seconds: secondsSince(startedAtMs) }, upMessage)
  }

  return {
    failed(detail) {
      const nowMs = performance.now()
      lastFailedMs = nowMs
      hasWorkedSinceFailure = false
      if (!isDown) {
        isDown = true
        failures = 1
        startedAtMs = nowMs
        lastLoggedMs = nowMs
        log[level]({ event: 'outage.began', ...common, ...detail }, downMessage)
        return
      }
      failures += 1
      if (nowMs - lastLoggedMs < reminderIntervalMs) return
      lastLoggedMs = nowMs
      log[level](
        { event: 'outage.lasts', ...common, ...detail, failures, seconds: secondsSince(startedAtMs) },
        `still failing: ${downMessage}`,
      )
    },
    worked() {
      if (!isDown) return
      hasWorkedSinceFailure = true
      if (timer === null) endIfQuiet()
    },
    isDown: () => isDown,
    forget: () => void (isDown = false),
  }
}
