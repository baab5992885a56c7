import type { Log } from '../runtime/log.ts'
import type { Clock, Store } from '../separation/store.ts'
import { createFileFacts, type FileFacts } from './file-facts.ts'
import { createFindLinked, type FindLinked, type FindLinkedOptions } from './find-linked.ts'
import { createStemPeaks, type StemPeaks } from './peaks/stem-peaks.ts'
import { createProviderSource, type ProviderSourceOptions } from './provider-source.ts'
import type { StemSource } from './stem-source.ts'
import { createStemLinks, type StemLinks, type StemLinksOptions } from './stem-links.ts'

export interface StemsOptions extends StemLinksOptions, ProviderSourceOptions {
  readonly store: Store
  readonly clock: Clock
  readonly retentionMsOf: FindLinkedOptions['retentionMsOf']
  readonly log: Log
}

/** The files of stems: their links, their bytes, and what is known of them. */
export interface Stems {
  readonly urlOf: StemLinks['urlOf']
  readonly zipUrlOf: StemLinks['zipUrlOf']
  readonly findLinked: FindLinked
  readonly source: StemSource
  readonly facts: FileFacts
  readonly findPeaks: StemPeaks['find']
  /** Ends the decodings and the requests to file servers. */
  close(): void
}

export function openStems(options: StemsOptions): Stems {
  const { store, clock, retentionMsOf, log } = options
  const links = createStemLinks(options)
  const source = createProviderSource(options)
  const facts = createFileFacts({ store, log })
  const peaks = createStemPeaks({ store, source, facts, log })
  return {
    urlOf: links.urlOf,
    zipUrlOf: links.zipUrlOf,
    findLinked: createFindLinked({ links, reader: store, clock, retentionMsOf }),
    source,
    facts,
    findPeaks: peaks.find,
    close() {
      peaks.close()
      source.close()
    },
  }
}
