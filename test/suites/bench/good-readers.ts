import { setTimeout as delay } from 'node:timers/promises'
import type { Ending } from '../../support/gateway.ts'
import { taskIdIn } from '../faults/ledger.ts'
import { callbackOfSuccess, type PlayedProvider } from '../../support/played-provider.ts'
import { createSender, createSubscriber } from './client.ts'
import { forEachOf } from './for-each-of.ts'

export interface GoodReaders {
  /** Orders so many tasks that never come to an end. */
  orderPending(count: number): Promise<readonly string[]>
  /**
   * Lets each reader watch a task of its own, and has some of them settled by callbacks; resolves to how long after its
   * callback was sent each reader was told, in milliseconds.
   */
  measure(phase: {
    readonly name: string
    readonly changes: number
    readonly changesPerSecond: number
    /** Done when all watch and before the first callback. */
    readonly beforeChanges: (taskIds: readonly string[]) => Promise<void>
  }): Promise<readonly number[]>
}

interface Watched {
  readonly taskId: string
  readonly settled: Promise<void>
}

/** So many orders are on their way at a time. */
const atATime = 16
/** As long as an id may be less what the order puts in front, in characters of three bytes each. */
const idLength = 240

/** Readers that read, each with a socket of its own that stays open. */
export function openGoodReaders(
  { gateway, provider, count }: { readonly gateway: string; readonly provider: PlayedProvider; readonly count: number },
  atEnd: Ending,
): GoodReaders {
  const sender = createSender(64)
  atEnd(sender.close)
  const readers = Array.from({ length: count }, () => createSubscriber(gateway, { lazy: false }))
  atEnd(async () => void (await Promise.all(readers.map((reader) => reader.close()))))

  async function orderAll(name: string, many: number): Promise<readonly string[]> {
    const taskIds: string[] = []
    await forEachOf(Array.from({ length: many }).keys(), atATime, async (index) => {
      taskIds[index] = await sender.order(gateway, `${name}-${index}-`.padEnd(idLength, '曲'))
    })
    return taskIds
  }

  /** What each reader watches now. */
  const watched: (Watched | null)[] = Array.from({ length: count }, () => null)
  let nth = 0

  async function watchAnew(name: string): Promise<void> {
    const idle = [...watched.keys()].filter((at) => watched[at] === null)
    const taskIds = await orderAll(name, idle.length)
    await forEachOf(idle.entries(), atATime, async ([index, at]) => {
      const [taskId, reader] = [taskIds[index], readers[at]]
      if (taskId === undefined || reader === undefined) throw new TypeError('Each reader has a task.')
      watched[at] = { taskId, settled: (await reader.watch(taskId)).settled }
    })
  }

  return {
    orderPending: (many) => orderAll('pending', many),

    async measure({ name, changes, changesPerSecond, beforeChanges }) {
      await watchAnew(name)
      const callbacks = callbacksOf(provider)
      await beforeChanges(watched.flatMap((each) => each?.taskId ?? []))

      const tookMs: number[] = []
      const startedAtMs = performance.now()
      await Promise.all(
        Array.from({ length: Math.min(changes, count) }, async (_, index) => {
          const at = nth++ % count
          const { taskId, settled } = watched[at] ?? { taskId: '', settled: null }
          watched[at] = null
          const dueAtMs = startedAtMs + (index * 1_000) / changesPerSecond
          await delay(dueAtMs - performance.now())
          const callback = callbacks.get(taskId)
          if (callback === undefined) throw new Error(`Nobody ordered ${taskId}.`)
          const sentAtMs = performance.now()
          const report = settled?.then(() => tookMs.push(performance.now() - sentAtMs))
          await Promise.all([sender.callBack(callback.url, callback.body), report])
        }),
      )
      return tookMs
    },
  }
}

/** By our id of the task. */
function callbacksOf({ orders }: PlayedProvider) {
  return new Map(
    orders.map(({ body: { callBackUrl } }, index) => [
      taskIdIn(callBackUrl),
      { url: callBackUrl, body: callbackOfSuccess(`provider-task-${index + 1}`) },
    ]),
  )
}
