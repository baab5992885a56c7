import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../runtime/log.ts'
import type { RecordReports } from '../../separation/advance/record.ts'
import { createPoller, type Work } from '../../separation/check/poller.ts'
import { StoreUnavailableError } from '../../separation/errors.ts'
import type { FileRetention } from '../../separation/file-retention.ts'
import type { ArchiveJob, ArchiveQueue } from '../../separation/store/archive-queue.ts'
import type { Clock } from '../../separation/store/clock.ts'
import type { ProviderName } from '../../separation/task/provider-name.ts'
import type { StemSource } from '../stem-source.ts'
import type { ArchiveStorage, StorageState } from './archive-storage.ts'
import { createArchiveWork, type ArchiveWorkOptions } from './archive-work.ts'
import { scheduleMissing } from './schedule-missing.ts'

export interface ArchiveOptions extends Pick<
  ArchiveWorkOptions,
  'count' | 'onCopied' | 'retryMs' | 'maxFileBytes' | 'stallMs'
> {
  readonly storage: ArchiveStorage
  readonly storageState: StorageState
  readonly provider: StemSource
  readonly queue: ArchiveQueue
  readonly record: RecordReports
  readonly clock: Clock
  readonly retentionOf: (provider: ProviderName) => FileRetention
  /** See `FileRetention`. */
  readonly archiveMs: number
  /** The same work, traced. */
  readonly traced: (work: Work<ArchiveJob>) => Work<ArchiveJob>
  readonly log: Log
  readonly pollIntervalMs: number
}

/** Copies stems and deletes the copies again. */
export interface Archive {
  start(): void
  /** Ends the copying under way, which goes on at the next start. */
  stop(): Promise<void>
}

/** How many tasks are copied at a time. Their stems are copied one after the other. */
const maxConcurrent = 3
/** How often tasks without an entry are looked for, in milliseconds. */
const scheduleEveryMs = 60 * 60_000
/** How long to wait after a failure, in milliseconds. */
const retryScheduleMs = 10_000
/** Work that is due later than this from now is a deletion: a retry is due earlier. In milliseconds. */
const latestRetryMs = 2 * 60 * 60_000

export function createArchive(options: ArchiveOptions): Archive {
  const { storage, storageState, provider, queue, clock, retentionOf, archiveMs, log, pollIntervalMs } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const work = options.traced(createArchiveWork({ ...options, source: provider, signal }))
  const poller = createPoller({
    queue,
    clock,
    work,
    log,
    name: 'archive jobs',
    ratePerSecond: () => Infinity,
    maxConcurrent,
    pollIntervalMs,
  })
  let scheduling: Promise<void> = Promise.resolve()

  async function checkStorage(): Promise<void> {
    try {
      await storage.check()
    } catch (error) {
      storageState.failed({ reason: error instanceof Error ? error.message : 'an unknown error' })
    }
  }

  async function keepScheduling(): Promise<void> {
    while (!signal.aborted) {
      let waitMs = scheduleEveryMs
      try {
        if (archiveMs !== Infinity) await queue.keepFor(archiveMs, clock.nowMs() + latestRetryMs)
        await scheduleMissing({ queue, clock, retentionOf, log }, signal)
        poller.poll()
      } catch (error) {
        if (signal.aborted) return
        // The store itself logs that it is unavailable.
        if (!(error instanceof StoreUnavailableError)) log.error({ err: error }, 'earlier tasks could not be archived')
        waitMs = retryScheduleMs
      }
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  return {
    start() {
      void checkStorage()
      poller.poll()
      scheduling = keepScheduling()
    },
    async stop() {
      stopping.abort()
      await Promise.all([poller.stop(), scheduling])
    },
  }
}
