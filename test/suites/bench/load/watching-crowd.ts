import type { PendingTask } from '../../../../src/separation/task/task.ts'
import type { Ending } from '../../../support/gateway.ts'
import { pendingMark, settledMark } from './audience.ts'
import { watchText } from './documents.ts'
import { openBenchSockets } from './web-sockets.ts'

/** Sockets that watch a pending task each. */
export interface WatchingCrowd {
  /** Gives those whose task is settled another one; resolves when all have been told of it. */
  watchAnew(): Promise<void>
  /** Takes so many of the watched tasks; each can be taken once. */
  take(count: number): readonly Watched[]
}

export interface Watched {
  readonly task: PendingTask
  /** Resolves to when its subscriber was told that it is settled, by `performance.now()`. */
  readonly settledAtMs: Promise<number>
}

interface Place {
  readonly task: PendingTask
  readonly settledAtMs: Promise<number>
  readonly settle: () => void
  isTaken: boolean
}

/** Opens the sockets, which close at the end; resolves when each has been told that its task is pending. */
export async function openWatchingCrowd(
  { url, count, nextTask }: { readonly url: string; readonly count: number; readonly nextTask: () => PendingTask },
  atEnd: Ending,
): Promise<WatchingCrowd> {
  let told = 0
  let expected = count
  let allTold: () => void = () => {}
  let fail: (error: Error) => void = () => {}
  let isOver = false
  atEnd(() => void (isOver = true))
  const places = Array.from({ length: count }, () => createPlace(nextTask()))

  const waitUntilTold = (many: number) => {
    told = 0
    expected = many
    return new Promise<void>((resolve, reject) => {
      allTold = resolve
      fail = reject
      if (many === 0) resolve()
    })
  }
  const onMessage = (nth: number, json: Buffer) => {
    if (json.includes(settledMark)) places[nth]?.settle()
    else if (json.includes(pendingMark) && ++told === expected) allTold()
  }

  const everybodyTold = waitUntilTold(count)
  const sockets = await openBenchSockets(
    {
      url,
      count,
      onMessage,
      onBreak: (error) => {
        if (!isOver) fail(error)
      },
      onOpen: (nth, socket) => socket.subscribe(watchText, places[nth]?.task.id ?? ''),
    },
    atEnd,
  )
  await everybodyTold

  return {
    watchAnew() {
      const taken = places.flatMap((place, nth) => (place.isTaken ? [nth] : []))
      const renewed = waitUntilTold(taken.length)
      for (const nth of taken) {
        const place = createPlace(nextTask())
        places[nth] = place
        sockets[nth]?.subscribe(watchText, place.task.id)
      }
      return renewed
    },
    take(many) {
      const free = places.filter(({ isTaken }) => !isTaken).slice(0, many)
      for (const place of free) place.isTaken = true
      return free
    },
  }
}

function createPlace(task: PendingTask): Place {
  let settle = (): void => {}
  const settledAtMs = new Promise<number>((resolve) => {
    settle = () => resolve(performance.now())
  })
  return { task, settledAtMs, settle, isTaken: false }
}
