import { LRUCache } from 'lru-cache'
import type { Log } from '../runtime/log.ts'
import type { StemFacts, StemFileRef, StemFileStore } from '../separation/store/stem-file-store.ts'
import { stemName } from '../separation/task/stem.ts'
import type { StemOfTask } from './stem-source.ts'

/** What is known of the files of stems, from whoever has read them. */
export interface FileFacts {
  find(stem: StemOfTask): Promise<StemFacts>
  /** Of several stems, in one read of the store. */
  findMany(stems: readonly StemOfTask[]): Promise<readonly StemFacts[]>
  /** Stores what was seen of a file, soon. What is known already stays as it is. */
  learn(stem: StemOfTask, seen: Partial<StemFacts>): void
}

const nothing: StemFacts = { sizeBytes: null, format: null, durationSeconds: null }
/** Of how many files it is remembered what was learned, so that it is not written at every request. */
const maxRemembered = 10_000

export function createFileFacts({ store, log }: { readonly store: StemFileStore; readonly log: Log }): FileFacts {
  const learned = new LRUCache<string, StemFacts>({ max: maxRemembered })

  async function findMany(stems: readonly StemOfTask[]): Promise<readonly StemFacts[]> {
    const refs = stems.map(refOf)
    const found = new Map((await store.stemFiles(refs)).map((file) => [keyOf(file), file]))
    return refs.map((ref) => {
      const { sizeBytes, format, durationSeconds } = found.get(keyOf(ref)) ?? nothing
      return { sizeBytes, format, durationSeconds }
    })
  }

  return {
    findMany,
    find: async (stem) => (await findMany([stem]))[0] ?? nothing,
    learn(stem, seen) {
      const ref = refOf(stem)
      const before = learned.get(keyOf(ref)) ?? nothing
      const after: StemFacts = {
        sizeBytes: before.sizeBytes ?? seen.sizeBytes ?? null,
        format: before.format ?? seen.format ?? null,
        durationSeconds: before.durationSeconds ?? seen.durationSeconds ?? null,
      }
      if (isEqual(before, after)) return
      learned.set(keyOf(ref), after)
      store.learnStemFile({ ...ref, ...after }).catch((error: unknown) => {
        // The next reader of the file learns it again.
        learned.delete(keyOf(ref))
        log.debug({ err: error, taskId: ref.taskId }, 'what was seen of a stem could not be stored')
      })
    },
  }
}

function refOf({ task, stem }: StemOfTask): StemFileRef {
  return { taskId: task.id, stem: stemName(stem), url: stem.url.value }
}

function keyOf({ taskId, stem, url }: StemFileRef): string {
  return `${taskId}/${stem} ${url}`
}

function isEqual(a: StemFacts, b: StemFacts): boolean {
  return a.sizeBytes === b.sizeBytes && a.format === b.format && a.durationSeconds === b.durationSeconds
}
