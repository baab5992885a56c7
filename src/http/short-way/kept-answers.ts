import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Reads } from '../../graphql/context.ts'
import { StoreUnavailableError } from '../../separation/errors.ts'
import type { TaskReader } from '../../separation/store.ts'

/** Answers of queries that depend only on tasks, each with the revisions of the tasks that it was made from. */
export interface KeptAnswers {
  /** The kept answer, if the revisions of all its tasks are the stored ones now; else null. */
  find(key: string): Promise<Buffer | null>
  keep(key: string, answer: Buffer, reads: Reads): void
}

interface KeptAnswer {
  readonly answer: Buffer
  readonly revisions: ReadonlyMap<string, number>
}

/** What all kept answers may take, and one of them, in bytes. */
const maxTotalBytes = 64 * 1024 * 1024
const maxAnswerBytes = 256 * 1024
/** Roughly what the key and the objects around an answer take, and each revision, in bytes. */
const entryBytes = 500
const revisionBytes = 100

/** The key of the answer to a request body: equal only for the same owner and the same bytes. */
export function keyOfAnswer(owner: string, body: Buffer): string {
  return `${hash('sha256', body, 'base64')} ${owner}`
}

export function createKeptAnswers(reader: Pick<TaskReader, 'revisions'>): KeptAnswers {
  const answers = new LRUCache<string, KeptAnswer>({
    maxSize: maxTotalBytes,
    maxEntrySize: maxAnswerBytes,
    sizeCalculation: ({ answer, revisions }) => answer.length + entryBytes + revisions.size * revisionBytes,
  })

  async function isCurrent({ revisions }: KeptAnswer): Promise<boolean> {
    try {
      const stored = await reader.revisions([...revisions.keys()])
      return [...revisions].every(([taskId, revision]) => stored.get(taskId) === revision)
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
    keep(key, answer, { tasks }) {
      answers.set(key, { answer, revisions: new Map(tasks.map(({ id, revision }) => [id, revision])) })
    },
  }
}
