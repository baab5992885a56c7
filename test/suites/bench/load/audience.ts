import type { Ending } from '../../../support/gateway.ts'
import { watchText } from './documents.ts'
import { openEventStream } from './event-stream.ts'
import { createTally, type Tally } from './tally.ts'
import { openBenchSockets } from './web-sockets.ts'

/** Subscribers of one task. */
export interface Audience {
  /** Lets all of them watch a task; resolves when each has been told that it is pending. */
  watch(taskId: string): Promise<void>
  /** Resolves to the time of `performance.now()` at which the last one was told that the task is settled. */
  told(): Promise<number>
}

const openAtATime = 100
/** Parts of the JSON of a task that is not settled, and of one that is. */
export const pendingMark = '"settled":false'
export const settledMark = '"settled":true'
const marks = new RegExp(`${pendingMark}|${settledMark}`, 'g')

/** Subscribers with a WebSocket each. */
export async function openWebSocketAudience(url: string, count: number, atEnd: Ending): Promise<Audience> {
  const tally = createTally(count)
  const onMessage = (_nth: number, json: Buffer) => {
    if (json.includes(settledMark)) tally.settled()
    else if (json.includes(pendingMark)) tally.pending()
  }
  const sockets = await openBenchSockets({ url, count, onMessage, onBreak: tally.fail }, atEnd)
  return {
    watch(taskId) {
      const watching = tally.begin()
      for (const socket of sockets) socket.subscribe(watchText, taskId)
      return watching
    },
    told: tally.told,
  }
}

/** Subscribers with a request of SSE each, on new connections for each task. */
export function openEventStreamAudience(url: string, count: number, atEnd: Ending): Audience {
  const tally = createTally(count)
  let streams: { close(): void }[] = []
  const close = () => {
    for (const stream of streams) stream.close()
    streams = []
  }
  atEnd(close)
  return {
    async watch(taskId) {
      close()
      const watching = tally.begin()
      for (let nth = 0; nth < count; nth += openAtATime) {
        const reached = tally.pendingReaches(Math.min(nth + openAtATime, count))
        for (let index = nth; index < Math.min(nth + openAtATime, count); index++) {
          streams.push(
            openEventStream({ url, query: watchText, taskId, onText: countMarks(tally), onBreak: tally.fail }),
          )
        }
        await Promise.race([reached, watching])
      }
      await watching
    },
    told: tally.told,
  }
}

/** Counts the marks in a text that comes in pieces. */
export function countMarks(tally: Pick<Tally, 'pending' | 'settled'>): (text: string) => void {
  let tail = ''
  return (piece) => {
    const text = tail + piece
    let end = 0
    for (const { 0: mark, index } of text.matchAll(marks)) {
      end = index + mark.length
      if (mark === settledMark) tally.settled()
      else tally.pending()
    }
    // The beginning of a mark may be in it.
    tail = text.slice(Math.max(end, text.length - pendingMark.length + 1))
  }
}
