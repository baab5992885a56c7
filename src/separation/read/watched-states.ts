import { Repeater } from '@repeaterjs/repeater'
import { StoreUnavailableError } from '../errors.ts'
import { isSettled, type Task } from '../task/task.ts'
import type { Watch, WatchedState, Watcher } from './watch.ts'

/**
 * The task as it is, then at every change, until it is settled; a single null if there is no task. A slow subscriber gets the
 * latest state and skips those before it. Throws the error of a read that fails; an outage of the store only if it is the
 * first read.
 *
 * It is a Repeater, because a waiting generator cannot be told that its subscriber has left.
 */
export function watchedStates(watch: (watcher: Watcher) => Watch): AsyncIterable<Task | null> {
  return new Repeater<Task | null>(async (push, stop) => {
    let latest: { readonly state: WatchedState } | null = null
    let isClosed = false
    let wake: () => void = () => {}
    const watching = watch({
      onState(state) {
        latest = { state }
        wake()
      },
    })
    void stop.then(() => {
      isClosed = true
      watching.stop()
      wake()
    })

    let sentRevision = -1
    const next = async (): Promise<WatchedState> => {
      while (latest === null && !isClosed) await new Promise<void>((resolve) => (wake = resolve))
      const state = latest?.state ?? null
      latest = null
      return state
    }
    while (!isClosed) {
      const state = await next()
      if (isClosed) break
      if (state instanceof Error) {
        if (state instanceof StoreUnavailableError && sentRevision >= 0) continue
        throw state
      }
      if (state === null) {
        if (sentRevision < 0) await push(null)
        break
      }
      if (state.revision <= sentRevision) continue
      sentRevision = state.revision
      await push(state)
      if (isSettled(state)) break
    }
    stop()
  })
}
