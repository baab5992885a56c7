import { Repeater } from '@repeaterjs/repeater'
import type { Changes } from '../changes.ts'
import { StoreUnavailableError } from '../errors.ts'
import { isSettled, type Task } from '../task.ts'
import type { ReadTask } from './read-task.ts'

export interface WatchOptions {
  readonly readTask: ReadTask
  readonly changes: Changes
  /** From 0 to 1, exclusive. Spreads the rereads of many subscribers. */
  readonly random?: () => number
}

/** A notification may be lost, so a watched task is read again after this time. */
const rereadMs = 30_000
/** How soon a read is repeated while the store is unavailable. The subscription stays open. */
const retryAfterMs = 1_000

/**
 * The task as it is, then at every change, until it is settled; a single null if there is no task. Listens before it reads, so
 * that no change is missed. A slow subscriber gets the latest state and skips those before it.
 * It is a Repeater, because a waiting generator cannot be told that its subscriber has left.
 */
export function watchTask(
  findTask: () => Promise<Task | null>,
  { readTask, changes, random = Math.random }: WatchOptions,
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
      waitMs = rereadMs * (0.8 + 0.2 * random())
      let task: Task | null
      try {
        task = await readTask(found.id)
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        waitMs = retryAfterMs
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
