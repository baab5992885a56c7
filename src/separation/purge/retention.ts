import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError } from '../errors.ts'
import type { Clock } from '../store/clock.ts'
import type { WorkLeases } from '../store/work-leases.ts'
import type { DeletionCounts } from './delete-tasks.ts'
import { createPace } from './pace.ts'
import { purge, type PurgeOptions } from './purge.ts'

export interface RetentionOptions extends Omit<PurgeOptions, 'pace'> {
  readonly store: PurgeOptions['store'] & WorkLeases
  readonly clock: Clock
  /** How long a task is kept after the last thing that happened to it, in milliseconds. */
  readonly keptMs: number
  readonly observer: PurgeObserver
}

export interface PurgeObserver {
  /** Tasks were deleted because of their age. */
  deleted(tasks: number): void
  /** A run has come to its end. In milliseconds since 1970. */
  completed(atMs: number): void
}

/** Deletes expired tasks, at one gateway of the database at a time. */
export interface Retention {
  start(): void
  /** Ends the run under way. The next gateway goes on. */
  stop(): Promise<void>
}

const leaseName = 'purge'
/** A gateway that dies is followed by another one after this time. In milliseconds. */
const leaseMs = 60_000
/** The time between two runs, of all gateways. In milliseconds. */
const intervalMs = 60 * 60_000
/** How often a gateway tries to begin a run. In milliseconds. */
const pollIntervalMs = 60_000
/** The first try comes soon after the start. In milliseconds. */
const firstPollMs = 1_000

export function createRetention(options: RetentionOptions): Retention {
  const { store, clock, keptMs, observer, log } = options
  const stopping = new AbortController()
  const { signal } = stopping
  let running: Promise<void> = Promise.resolve()

  async function runInTurns(): Promise<void> {
    let waitMs = firstPollMs
    while (!signal.aborted) {
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      await runOnce().catch((error: unknown) => {
        // The store itself logs that it is unavailable.
        if (error instanceof StoreUnavailableError) log.debug({}, 'expired tasks wait for the store')
        else log.error({ err: error }, 'expired tasks could not be deleted')
      })
      waitMs = pollIntervalMs * (0.8 + 0.4 * Math.random())
    }
  }

  async function runOnce(): Promise<void> {
    const startedAtMs = clock.nowMs()
    let leaseUntilMs = startedAtMs + leaseMs
    if (!(await store.takeLease(leaseName, startedAtMs, leaseUntilMs))) return

    async function moveLease(untilMs: number): Promise<boolean> {
      const isHeld = await store.extendLease(leaseName, leaseUntilMs, untilMs)
      leaseUntilMs = untilMs
      return isHeld
    }
    async function mayContinue(): Promise<boolean> {
      const nowMs = clock.nowMs()
      return leaseUntilMs - nowMs > leaseMs / 2 || moveLease(nowMs + leaseMs)
    }

    let counted = 0
    const onProgress = ({ deleted }: Readonly<DeletionCounts>) => {
      observer.deleted(deleted - counted)
      counted = deleted
    }
    try {
      const run = { beforeMs: startedAtMs - keptMs, nowMs: startedAtMs, signal, mayContinue, onProgress }
      const counts = await purge({ ...options, pace: createPace() }, run)
      const nowMs = clock.nowMs()
      await moveLease(nowMs + intervalMs)
      observer.completed(nowMs)
      logRun(counts, nowMs - startedAtMs)
    } catch (error) {
      if (!signal.aborted) throw error
      await moveLease(clock.nowMs())
    }
  }

  function logRun(counts: DeletionCounts, tookMs: number): void {
    if (counts.withFiles > 0) {
      log.warn(
        { event: 'tasks.kept', tasks: counts.withFiles },
        'tasks are older than TASKS_KEPT_DAYS and are kept, because their files in the archive could not be deleted',
      )
    }
    if (counts.deleted === 0) return
    log.info(
      { event: 'tasks.purged', tasks: counts.deleted, tookMs: Math.round(tookMs) },
      'tasks older than TASKS_KEPT_DAYS were deleted',
    )
  }

  return {
    start() {
      running = runInTurns()
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}
