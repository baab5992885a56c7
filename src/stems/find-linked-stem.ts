import type { Clock, TaskReader } from '../separation/store.ts'
import { expiresAtMs, stemName, type ProviderName } from '../separation/task.ts'
import type { StemLinks } from './stem-links.ts'
import type { StemOfTask } from './stem-source.ts'

/** A stem whose link is valid now. */
export interface ValidLink extends StemOfTask {
  /** When the link ends, in milliseconds since 1970; null if it is not known when the provider deletes the file. */
  readonly expiresAtMs: number | null
}

export interface FindLinkedStemOptions {
  readonly links: Pick<StemLinks, 'parse'>
  readonly reader: Pick<TaskReader, 'find'>
  readonly clock: Clock
  /** How long a provider keeps its files, in milliseconds. */
  readonly retentionMsOf: (provider: ProviderName) => number
}

/** The stem of the link with this path. null for every link that is not valid: foreign, altered, expired, or of a lost task. */
export type FindLinkedStem = (path: string) => Promise<ValidLink | null>

export function createFindLinkedStem({ links, reader, clock, retentionMsOf }: FindLinkedStemOptions): FindLinkedStem {
  return async function findLinkedStem(path) {
    const linked = links.parse(path)
    if (linked === null) return null
    const [task] = await reader.find([linked.taskId])
    if (task?.state !== 'succeeded') return null
    const stem = task.stems.find((each) => stemName(each) === linked.stem)
    const endsAtMs = expiresAtMs(task, retentionMsOf(task.provider))
    if (stem === undefined || (endsAtMs !== null && endsAtMs <= clock.nowMs())) return null
    return { task, stem, expiresAtMs: endsAtMs }
  }
}
