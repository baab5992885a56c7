import type { Services } from '../graphql/context.ts'
import { createStemsRoute } from '../http/stems/stems-route.ts'
import { createConcurrencyLimit, type ConcurrencyLimit } from '../limits/concurrency-limit.ts'
import { userAgent } from '../runtime/version.ts'
import { ownFileAddress } from '../sandbox/file-address.ts'
import type { RecordReports } from '../separation/advance/record.ts'
import type { ArchivedFiles } from '../separation/purge/delete-tasks.ts'
import { openStems, type StemArchiveOptions } from '../stems/open-stems.ts'
import type { Foundation } from './foundation.ts'
import type { WiredProviders } from './wire-providers.ts'

/** The longest time that a provider's file server may take to begin its answer. */
const maxFileAnswerMs = 10_000

export interface StemsWiring {
  readonly retentionMsOf: WiredProviders['retentionMsOf']
  readonly record: RecordReports
  readonly secrets: () => readonly string[]
  readonly streamLimit: ConcurrencyLimit
  readonly onArchived: StemArchiveOptions['count']
  readonly traced: StemArchiveOptions['traced']
  /** How often the archive looks for due work. */
  readonly pollIntervalMs: number
}

export interface WiredStems {
  /** What GraphQL reads of stems. */
  readonly services: Pick<Services, 'retentionOf' | 'stemFacts' | 'stemPeaks' | 'stemUrlOf' | 'zipUrlOf'>
  /** null if the URLs of stems are the providers' own. */
  readonly route: ReturnType<typeof createStemsRoute> | null
  /** The files of the archive; null if there is none. */
  readonly archivedFiles: ArchivedFiles | null
  /** The origins that pages load stems from, as sources of a content security policy. */
  sources(): readonly string[]
  start(): void
  stop(): Promise<void>
  close(): void
}

/** The files of stems: their links, their bytes, and the archive. */
export async function wireStems(foundation: Foundation, wiring: StemsWiring): Promise<WiredStems> {
  const { config, log, store, clock, url, publicUrl } = foundation
  const archiveMs = config.archive?.retentionMs ?? null
  const retentionOf: Services['retentionOf'] = (provider) => ({ providerMs: wiring.retentionMsOf(provider), archiveMs })
  const baseUrl = () => config.stemLinksUrl ?? publicUrl()
  const stems = await openStems({
    store,
    clock,
    retentionOf,
    baseUrl,
    secrets: wiring.secrets,
    allowedHosts: config.stemHostsAllowed,
    // Each gateway serves the sandbox's files itself, wherever PUBLIC_URL leads.
    ownAddressOf: (provider, address) => (provider === 'sandbox' ? ownFileAddress(url(), address) : null),
    userAgent,
    timeoutMs: Math.min(maxFileAnswerMs, config.stemStallMs),
    archive: config.archive && {
      ...config.archive,
      record: wiring.record,
      count: wiring.onArchived,
      traced: wiring.traced,
      stallMs: config.stemStallMs,
      pollIntervalMs: wiring.pollIntervalMs,
    },
    log,
  })
  const hasLinks = config.stemLinks === 'signed'
  return {
    services: {
      retentionOf,
      stemFacts: stems.facts.findMany,
      stemPeaks: stems.findPeaks,
      stemUrlOf: hasLinks ? stems.urlOf : ({ stem }) => stem.url.value,
      zipUrlOf: hasLinks ? stems.zipUrlOf : () => null,
    },
    route: hasLinks
      ? createStemsRoute({
          findLinked: stems.findLinked,
          source: stems.source,
          facts: stems.facts,
          streamLimit: wiring.streamLimit,
          streamsPerAddress: createConcurrencyLimit(config.stemStreamsPerAddress),
          clock,
          stallMs: config.stemStallMs,
        })
      : null,
    archivedFiles: stems.archivedFiles,
    sources: () => (hasLinks ? [new URL(baseUrl()).origin] : ['https:']),
    start: stems.start,
    stop: stems.stop,
    close: stems.close,
  }
}
