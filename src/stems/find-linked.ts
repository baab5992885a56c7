import type { Clock } from '../separation/store/clock.ts'
import type { TaskReader } from '../separation/store/task-reader.ts'
import { expiresAtMs, stemExpiresAtMs, type FileRetention } from '../separation/file-retention.ts'
import { stemName } from '../separation/task/stem.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { SucceededTask } from '../separation/task/task.ts'
import type { StemLinks } from './stem-links.ts'
import type { StemOfTask } from './stem-source.ts'

/** A link that is valid now. */
export interface ValidLink {
  readonly task: SucceededTask
  /** When the link ends, in milliseconds since 1970. Infinity: never. null: it is not known when the provider deletes the files. */
  readonly expiresAtMs: number | null
}

/** The link of a stem. */
export interface ValidStemLink extends ValidLink, StemOfTask {
  readonly kind: 'stem'
}

/** The link of all stems of a task. It has at least one. */
export interface ValidZipLink extends ValidLink {
  readonly kind: 'zip'
}

export interface FindLinkedOptions {
  readonly links: Pick<StemLinks, 'parse'>
  readonly reader: Pick<TaskReader, 'find'>
  readonly clock: Clock
  /** How long the files of a provider's tasks are kept. */
  readonly retentionOf: (provider: ProviderName) => FileRetention
}

/** What the link with this path opens. null for every link that is not valid: foreign, altered, expired, or of a lost task. */
export type FindLinked = (path: string) => Promise<ValidStemLink | ValidZipLink | null>

export function createFindLinked({ links, reader, clock, retentionOf }: FindLinkedOptions): FindLinked {
  const hasEnded = (endsAtMs: number | null) => endsAtMs !== null && endsAtMs <= clock.nowMs()

  return async function findLinked(path) {
    const linked = links.parse(path)
    if (linked === null) return null
    const [task] = await reader.find([linked.taskId])
    if (task?.state !== 'succeeded') return null
    const retention = retentionOf(task.provider)
    if (linked.kind === 'zip') {
      const endsAtMs = expiresAtMs(task, retention)
      return task.stems.length === 0 || hasEnded(endsAtMs) ? null : { kind: 'zip', task, expiresAtMs: endsAtMs }
    }
    const stem = task.stems.find((each) => stemName(each) === linked.stem)
    if (stem === undefined) return null
    const endsAtMs = stemExpiresAtMs(task, stem, retention)
    return hasEnded(endsAtMs) ? null : { kind: 'stem', task, stem, expiresAtMs: endsAtMs }
  }
}
