import type { Clock, TaskReader } from '../separation/store.ts'
import { expiresAtMs, stemName, type ProviderName, type SucceededTask } from '../separation/task.ts'
import type { StemLinks } from './stem-links.ts'
import type { StemOfTask } from './stem-source.ts'

/** A link that is valid now. */
export interface ValidLink {
  readonly task: SucceededTask
  /** When the link ends, in milliseconds since 1970; null if it is not known when the provider deletes the files. */
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
  /** How long a provider keeps its files, in milliseconds. */
  readonly retentionMsOf: (provider: ProviderName) => number
}

/** What the link with this path opens. null for every link that is not valid: foreign, altered, expired, or of a lost task. */
export type FindLinked = (path: string) => Promise<ValidStemLink | ValidZipLink | null>

export function createFindLinked({ links, reader, clock, retentionMsOf }: FindLinkedOptions): FindLinked {
  return async function findLinked(path) {
    const linked = links.parse(path)
    if (linked === null) return null
    const [task] = await reader.find([linked.taskId])
    if (task?.state !== 'succeeded') return null
    const endsAtMs = expiresAtMs(task, retentionMsOf(task.provider))
    if (endsAtMs !== null && endsAtMs <= clock.nowMs()) return null
    const valid = { task, expiresAtMs: endsAtMs }
    if (linked.kind === 'zip') return task.stems.length === 0 ? null : { kind: 'zip', ...valid }
    const stem = task.stems.find((each) => stemName(each) === linked.stem)
    return stem === undefined ? null : { kind: 'stem', stem, ...valid }
  }
}
