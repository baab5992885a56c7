import { Repeater } from '@repeaterjs/repeater'
import type { Changes, Store } from './ports.ts'
import { isSettled, type Task } from './task.ts'

/**
 * The task as it is, then once for every change, ending when it is settled; null alone if there is none. Listens before
 * it reads, so that no change falls between; a slow reader is given the latest state and misses the ones before it.
 * A Repeater, not a generator: a generator that waits cannot be told that its reader has left.
 */
export function watchTask(
  findTask: () => Promise<Task | null>,
  { store, changes }: { store: Store; changes: Changes },
): AsyncIterable<Task | null> {
  return new Repeater<Task | null>(async (push, stop) => {
    const found = await findTask()
    if (found === null) {
      await push(null)
      stop()
      return
    }
    let hasChanged = true
    let hasLeft = false
    let wake: () => void = () => {}
    const unlisten = changes.listen(found.id, () => {
      hasChanged = true
      wake()
    })
    void stop.then(() => {
      hasLeft = true
      unlisten()
      wake()
    })

    let shownRevision = -1
    while (!hasLeft) {
      if (!hasChanged) {
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      hasChanged = false
      const [task] = await store.find([found.id])
      if (task === undefined) break
      if (task.revision <= shownRevision) continue
      shownRevision = task.revision
      await push(task)
      if (isSettled(task)) break
    }
    stop()
  })
}
