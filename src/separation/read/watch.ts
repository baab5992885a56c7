import { Repeater } from '@repeaterjs/repeater'
import { StoreUnavailableError } from '../errors.ts'
import type { ReadTask } from './read-task.ts'
import { isSettled, type Task } from '../task.ts'
import type { Changes } from '../changes.ts'

export interface WatchOptions {
  readonly readTask: ReadTask
  readonly changes: Changes
}

/** A change is told of only once and may go astray, so that the task is read at least this often. */
const rereadMs = 30_000
/** While the store is away it is asked again so soon: who waits for the task goes on waiting. */
const storeRetryMs = 1_000

/**
 * The task as it is, then once for every change, ending when it is settled; null alone if there is none. Listens before
 * it reads, so that no change falls between; a slow reader is given the latest state and misses the ones before it.
 * A Repeater, not a generator: a generator that waits cannot be told that its reader has left.
 */
export function watchTask(
  findTask: () => Promise<Task | null>,
  { readTask, changes }: WatchOptions,
): AsyncIterable<Task | null> {
  return new Repeater<Task | null>(async (push, stop) => {
    const found = await findTask()
    if (found === null) {
      await push(null)
      stop()
      return
    }
    let mayHaveChanged = true
    let waitMs = 0
    let isClosed = false
    let wake: () => void = () => {}
    const stopListening = changes.listen(found.id, () => {
      mayHaveChanged = true
      wake()
    })
    void stop.then(() => {
      isClosed = true
      stopListening()
      wake()
    })

    let sentRevision = -1
    while (!isClosed) {
      if (!mayHaveChanged) {
        let timer: NodeJS.Timeout | undefined
        await new Promise<void>((resolve) => {
          wake = resolve
          timer = setTimeout(resolve, waitMs).unref()
        })
        clearTimeout(timer)
        if (isClosed) break
      }
      mayHaveChanged = false
      waitMs = rereadAfterMs()
      let task: Task | null
      try {
        task = await readTask(found.id)
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        waitMs = storeRetryMs
        continue
      }
      if (task === null) break
      if (task.revision <= sentRevision) continue
      sentRevision = task.revision
      await push(task)
      if (isSettled(task)) break
    }
    stop()
  })
}

/** Those who wait do not all read at one time. */
function rereadAfterMs(): number {
  return rereadMs * (0.8 + 0.2 * Math.random())
}
