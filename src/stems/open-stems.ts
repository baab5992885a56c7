import type { Log } from '../runtime/log.ts'
import { createOutageLog } from '../runtime/outage-log.ts'
import type { ArchivedFiles } from '../separation/purge/delete-tasks.ts'
import type { Clock } from '../separation/store/clock.ts'
import type { Store } from '../separation/store/store.ts'
import type { ArchiveWorkOptions } from './archive/archive-work.ts'
import { createArchiveSource } from './archive/archive-source.ts'
import { createArchive, type ArchiveOptions } from './archive/open-archive.ts'
import type { ArchiveLocation } from './archive/archive-url.ts'
import { openStorage } from './archive/open-storage.ts'
import { createFileFacts, type FileFacts } from './file-facts.ts'
import { createFindLinked, type FindLinked, type FindLinkedOptions } from './find-linked.ts'
import { createStemPeaks, type StemPeaks } from './peaks/stem-peaks.ts'
import { createProviderSource, type ProviderSourceOptions } from './provider-source.ts'
import type { StemSource } from './stem-source.ts'
import { createStemLinks, type StemLinks, type StemLinksOptions } from './stem-links.ts'

export interface StemsOptions extends StemLinksOptions, ProviderSourceOptions {
  readonly store: Store
  readonly clock: Clock
  readonly retentionOf: FindLinkedOptions['retentionOf']
  readonly log: Log
  /** null: stems are not archived. */
  readonly archive: StemArchiveOptions | null
}

export interface StemArchiveOptions extends Pick<
  ArchiveOptions,
  'record' | 'count' | 'traced' | 'maxFileBytes' | 'retryMs' | 'stallMs' | 'pollIntervalMs'
> {
  readonly location: ArchiveLocation
  /** See `ArchiveConfig`. */
  readonly retentionMs: number
}

/** The files of stems: their links, their bytes, and what is known of them. */
export interface Stems {
  readonly urlOf: StemLinks['urlOf']
  readonly zipUrlOf: StemLinks['zipUrlOf']
  readonly findLinked: FindLinked
  readonly source: StemSource
  readonly facts: FileFacts
  readonly findPeaks: StemPeaks['find']
  /** The files of the archive; null if there is none. */
  readonly archivedFiles: ArchivedFiles | null
  /** Begins to archive, if there is an archive. */
  start(): void
  /** Stops archiving. Files are still served. */
  stop(): Promise<void>
  /** Ends the decodings and the requests to file servers. */
  close(): void
}

export async function openStems(options: StemsOptions): Promise<Stems> {
  const { store, clock, retentionOf, archive: archiveOptions, log } = options
  const links = createStemLinks(options)
  const provider = createProviderSource(options)
  const storage = archiveOptions === null ? null : await openStorage(archiveOptions.location)
  const storageState = createOutageLog({
    log,
    level: 'error',
    downMessage: 'the archive cannot be used: stems are served by the provider, and archived later',
    upMessage: 'the archive can be used again',
    detail: { outage: 'archive' },
  })
  const common = { storageState, queue: store.archive, provider, clock, retentionOf, log }
  const source = storage === null ? provider : createArchiveSource({ ...common, storage })
  const facts = createFileFacts({ store, log })
  const peaks = createStemPeaks({ store, source, facts, log })

  const onCopied: ArchiveWorkOptions['onCopied'] = async (stem, { sizeBytes, format }) => {
    facts.learn(stem, { sizeBytes, format })
    await peaks.prepare(stem)
  }
  const archive =
    storage === null || archiveOptions === null
      ? null
      : createArchive({ ...common, ...archiveOptions, storage, archiveMs: archiveOptions.retentionMs, onCopied })

  return {
    urlOf: links.urlOf,
    zipUrlOf: links.zipUrlOf,
    findLinked: createFindLinked({ links, reader: store, clock, retentionOf }),
    source,
    facts,
    findPeaks: peaks.find,
    archivedFiles: storage && { removeCopies: storage.removeTask },
    start: () => archive?.start(),
    async stop() {
      await archive?.stop()
    },
    close() {
      peaks.close()
      source.close()
      storage?.close()
    },
  }
}
