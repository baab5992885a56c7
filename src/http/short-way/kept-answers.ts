import { LRUCache } from 'lru-cache'
import type { Reads } from '../../graphql/context.ts'
import { StoreUnavailableError } from '../../separation/errors.ts'
import type { Clock } from '../../separation/store/clock.ts'
import type { ChangeReader } from '../../separation/store/change-reader.ts'

/** Answers of queries that depend only on tasks, each with the revisions of the tasks that it was made from. */
export interface KeptAnswers {
  /** The kept answer, if the revisions of all its tasks are the stored ones now and its time is not over; else null. */
  find(key: string): Promise<OneByteText | null>
  keep(key: string, answer: OneByteText, reads: Reads): void
}

/**
 * Bytes, one in each character (`latin1`). A response whose body is such a string leaves in one write with its headers, and
 * the string takes as much memory as the bytes.
 */
export type OneByteText = string

interface KeptAnswer {
  readonly answer: OneByteText
  readonly taskIds: readonly string[]
  /** In the order of `taskIds`. */
  readonly revisions: readonly number[]
  readonly validUntilMs: number
}

/** What all kept answers may take, and one of them, in bytes. */
const maxTotalBytes = 64 * 1024 * 1024
const maxAnswerBytes = 256 * 1024
/** Roughly what the objects around an answer take, and each revision, in bytes. */
const entryBytes = 500
const revisionBytes = 100

/** The key of the answer to a request body: equal only for the same owner and the same bytes. */
export function keyOfAnswer(owner: string, body: Buffer): string {
  return `${owner.length} ${owner} ${body.toString('latin1')}`
}

export function createKeptAnswers(reader: Pick<ChangeReader, 'revisions'>, clock: Clock): KeptAnswers {
  const answers = new LRUCache<string, KeptAnswer>({
    maxSize: maxTotalBytes,
    maxEntrySize: maxAnswerBytes,
    sizeCalculation: ({ answer, taskIds }, key) =>
      key.length + answer.length + entryBytes + taskIds.length * revisionBytes,
  })

  async function isCurrent({ taskIds, revisions, validUntilMs }: KeptAnswer): Promise<boolean> {
    if (validUntilMs <= clock.nowMs()) return false
    try {
      const stored = await reader.revisions(taskIds)
      return taskIds.every((taskId, index) => stored.get(taskId) === revisions[index])
    } catch (error) {
      // The execution reports the outage.
      if (error instanceof StoreUnavailableError) return false
      throw error
    }
  }

  return {
    async find(key) {
      const kept = answers.get(key)
      if (kept === undefined) return null
      if (await isCurrent(kept)) return kept.answer
      answers.delete(key)
      return null
    },
    keep(key, answer, { tasks, validUntilMs }) {
      const revisions = new Map(tasks.map(({ id, revision }) => [id, revision]))
      answers.set(key, { answer, taskIds: [...revisions.keys()], revisions: [...revisions.values()], validUntilMs })
    },
  }
}
