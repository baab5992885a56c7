import { LRUCache } from 'lru-cache'
import type { Log } from '../../runtime/log.ts'
import { copyOf, type FileRetention } from '../../separation/file-retention.ts'
import type { ArchiveQueue } from '../../separation/store/archive-queue.ts'
import type { Clock } from '../../separation/store/clock.ts'
import { taskIds } from '../../separation/task-log.ts'
import { stemName, type StemCopy } from '../../separation/task/stem.ts'
import type { ProviderName } from '../../separation/task/provider-name.ts'
import { spanOf, type AskedRange } from '../byte-range.ts'
import type { StemOfTask, StemSource } from '../stem-source.ts'
import { archiveKey, ArchiveError, type ArchiveStorage, type StorageState } from './archive-storage.ts'

export interface ArchiveSourceOptions {
  readonly storage: Pick<ArchiveStorage, 'open'>
  /** Serves the stems that have no copy. */
  readonly provider: StemSource
  readonly queue: Pick<ArchiveQueue, 'makeDue'>
  readonly retentionOf: (provider: ProviderName) => FileRetention
  readonly clock: Clock
  readonly storageState: StorageState
  readonly log: Log
}

/** How long a damaged copy is not reported again, in milliseconds. */
const reportedMs = 10 * 60_000
const maxReported = 1_000

/** Serves the copies in the archive, and everything else from the provider: also a stem whose copy is damaged or cannot be read. */
export function createArchiveSource(options: ArchiveSourceOptions): StemSource {
  const { storage, provider, queue, retentionOf, clock, storageState, log } = options
  const reported = new LRUCache<string, true>({ max: maxReported, ttl: reportedMs })

  /** Has the file copied again, if the provider still has it. */
  function repair(key: string, { task, stem }: StemOfTask): void {
    if (reported.has(key)) return
    reported.set(key, true)
    log.error(
      { event: 'archive.damaged', ...taskIds(task), stem: stemName(stem), key },
      'a copy in the archive is missing or damaged; it is made again if the provider still has the file',
    )
    queue.makeDue(task, clock.nowMs()).catch((error: unknown) => {
      reported.delete(key)
      log.debug({ err: error, ...taskIds(task) }, 'a damaged copy could not be queued')
    })
  }

  /** The copy at this range, or why it cannot be served. */
  async function openCopy(key: string, { sizeBytes }: StemCopy, range: AskedRange | null, signal: AbortSignal) {
    const span = range === null ? null : spanOf(range, sizeBytes)
    if (range !== null && span === null) return { kind: 'unsatisfiable', size: sizeBytes } as const
    try {
      const file = await storage.open(key, span, signal)
      if (file.kind === 'open' && file.size === sizeBytes) return file
      if (file.kind === 'open') file.body.destroy()
      return 'damaged'
    } catch (error) {
      if (signal.aborted) return { kind: 'failed' } as const
      if (!(error instanceof ArchiveError)) throw error
      storageState.failed({ reason: error.message })
      return 'unreadable'
    }
  }

  return {
    async open(stemOfTask, range, signal) {
      const { task, stem } = stemOfTask
      const copy = copyOf(task, stem, retentionOf(task.provider))
      if (copy === null) return provider.open(stemOfTask, range, signal)
      const key = archiveKey(task.id, copy.sha256)
      const file = await openCopy(key, copy, range, signal)
      if (file === 'damaged') repair(key, stemOfTask)
      else if (file !== 'unreadable') {
        if (file.kind !== 'open') return file
        storageState.worked()
        return { ...file, validator: { value: copy.sha256, isWeak: false, isDigest: true } }
      }
      const other = await provider.open(stemOfTask, range, signal)
      // A copy that cannot be read now is not gone.
      return file === 'unreadable' && other.kind !== 'open' ? { kind: 'failed' } : other
    },
    close: () => provider.close(),
  }
}
