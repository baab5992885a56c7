import type { Log } from '../../runtime/log.ts'
import type { RecordReports } from '../../separation/advance/record.ts'
import type { Work } from '../../separation/check/poller.ts'
import {
  archiveExpiresAtMs,
  copyOf,
  deletionDueAtMs,
  providerExpiresAtMs,
  type FileRetention,
} from '../../separation/file-retention.ts'
import type { ArchiveJob } from '../../separation/store/archive-queue.ts'
import type { Clock } from '../../separation/store/clock.ts'
import { taskIds } from '../../separation/task-log.ts'
import { stemName, type Stem } from '../../separation/task/stem.ts'
import type { ProviderName } from '../../separation/task/provider-name.ts'
import type { SucceededTask, Task } from '../../separation/task/task.ts'
import type { StemOfTask } from '../stem-source.ts'
import { archiveKey, ArchiveError, type ArchiveStorage, type StorageState } from './archive-storage.ts'
import { copyFile, type CopyFileOptions, type CopyOutcome } from './copy-file.ts'

/** What the archive did with a file, for the metrics. */
export type ArchiveEvent = 'copied' | 'deleted' | 'gone' | 'too-large' | 'failed'

export interface ArchiveWorkOptions extends Omit<CopyFileOptions, 'storage'> {
  readonly storage: ArchiveStorage
  readonly record: RecordReports
  readonly clock: Clock
  readonly retentionOf: (provider: ProviderName) => FileRetention
  /** The wait before the second attempt, in milliseconds. It doubles with each attempt, up to an hour. */
  readonly retryMs: number
  /** Called with every new copy. What it rejects with is not an error of the copy. The gateway does not wait for it when it stops. */
  readonly onCopied: (stem: StemOfTask, copied: Extract<CopyOutcome, { kind: 'copied' }>) => Promise<void>
  readonly count: (event: ArchiveEvent, bytes?: number) => void
  readonly storageState: StorageState
  readonly log: Log
  /** Ends the work under way. It goes on at the next start. */
  readonly signal: AbortSignal
}

const maxRetryMs = 60 * 60_000

/** Copies the files of a task that have no copy yet, or deletes its copies once their time is over. */
export function createArchiveWork(options: ArchiveWorkOptions): Work<ArchiveJob> {
  const { storage, record, clock, retentionOf, retryMs, onCopied, count, storageState, log, signal } = options

  return async function work({ task, attempts }, onSlot) {
    onSlot()
    const retention = retentionOf(task.provider)
    if (task.archive !== null && task.archive.deletedAtMs !== null) return null
    const endsAtMs = archiveExpiresAtMs(task, retention) ?? Infinity
    try {
      if (endsAtMs <= clock.nowMs()) return await deleteCopies(task)
      const results = await copyMissing(task, retention)
      const nextMs = results.includes('failed') ? nextAttemptMs(task, retention, attempts) : null
      if (nextMs !== null) return nextMs
      logEnd(task, results)
    } catch (error) {
      if (signal.aborted) return clock.nowMs()
      if (!(error instanceof ArchiveError)) throw error
      count('failed')
      storageState.failed({ taskId: task.id, reason: error.message })
      return clock.nowMs() + delayMs(attempts)
    }
    return deletionDueAtMs(task, retention)
  }

  async function copyMissing(task: SucceededTask, retention: FileRetention) {
    const results: ('kept' | CopyOutcome['kind'])[] = []
    for (const stem of task.stems) results.push(await ensureCopy(task, stem, retention))
    return results
  }

  async function ensureCopy(task: SucceededTask, stem: Stem, retention: FileRetention) {
    const before = copyOf(task, stem, retention)
    if (before !== null) {
      const sizeBytes = await storage.sizeOf(archiveKey(task.id, before.sha256))
      storageState.worked()
      if (sizeBytes === before.sizeBytes) return 'kept'
    }
    const outcome = await copyFile({ task, stem }, options, signal)
    if (outcome.kind !== 'copied') {
      const { why } = outcome
      count(outcome.kind === 'ended' ? outcome.why : 'failed')
      log.debug({ ...taskIds(task), stem: stemName(stem), why }, 'a stem was not archived')
      return outcome.kind
    }
    storageState.worked()
    count('copied', outcome.sizeBytes)
    const after = before?.sha256 === outcome.sha256 ? task : await recordCopy(task, stem, outcome)
    if (after === null) return 'copied'
    await untilDoneOrStopped(onCopied({ task: after, stem }, outcome)).catch((error: unknown) => {
      log.debug({ err: error, ...taskIds(task) }, 'a stem was archived, and not all is known of it')
    })
    return 'copied'
  }

  /** Waits for work that needs not be complete when the gateway stops. */
  function untilDoneOrStopped(done: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => resolve()
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
      done.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
    })
  }

  /** Records a copy, and deletes those that the task then does not name. Resolves to the task if it names the copy. */
  async function recordCopy(
    task: SucceededTask,
    stem: Stem,
    copied: Extract<CopyOutcome, { kind: 'copied' }>,
  ): Promise<SucceededTask | null> {
    const { sha256, sizeBytes } = copied
    const after = await record(task.id, { kind: 'archived', copy: { stem: stemName(stem), sha256, sizeBytes } })
    const named = new Set(copiesOf(after))
    const others = [sha256, ...copiesOf(task)].filter((each) => !named.has(each))
    for (const other of others) await storage.remove(archiveKey(task.id, other))
    return after?.state === 'succeeded' && named.has(sha256) ? after : null
  }

  /** Deletes the files first: if the process ends in between, the deletion is repeated. */
  async function deleteCopies(task: SucceededTask): Promise<null> {
    const copies = new Set(copiesOf(task))
    for (const sha256 of copies) {
      await storage.remove(archiveKey(task.id, sha256))
      storageState.worked()
      count('deleted')
    }
    if (copies.size > 0) await record(task.id, { kind: 'archive-deleted' })
    return null
  }

  /** null once the provider has deleted the files. */
  function nextAttemptMs(task: SucceededTask, retention: FileRetention, attempts: number): number | null {
    const endMs = providerExpiresAtMs(task, retention) ?? task.foundAtMs + retention.providerMs
    return clock.nowMs() >= endMs ? null : Math.min(clock.nowMs() + delayMs(attempts), endMs)
  }

  function delayMs(attempts: number): number {
    return Math.min(retryMs * 2 ** (attempts - 1), maxRetryMs) * (0.75 + Math.random() / 2)
  }

  function logEnd(task: SucceededTask, results: readonly string[]): void {
    const lost = task.stems.filter((_stem, index) => results[index] === 'ended' || results[index] === 'failed')
    if (lost.length === 0) return
    log.warn(
      { event: 'archive.incomplete', ...taskIds(task), stems: lost.map(stemName) },
      'stems cannot be archived: the provider does not have their files any more, or they are larger than ARCHIVE_MAX_FILE_MB',
    )
  }
}

function copiesOf(task: Task | null): readonly string[] {
  return task?.archive?.copies.map(({ sha256 }) => sha256) ?? []
}
