import type { Ending } from '../../../support/gateway.ts'
import { countMarks } from './audience.ts'
import { dashboardText } from './documents.ts'
import { openEventStream } from './event-stream.ts'
import { createTally } from './tally.ts'
import { openBenchSockets } from './web-sockets.ts'

/** Equal subscriptions to all tasks of the caller. */
export interface Dashboards {
  /** Begins to count anew. Resolves to the time of `performance.now()` at which the last was told that a task is settled. */
  told(): Promise<number>
  /** The text of an event that tells that a task is settled. */
  settledText(): string
}

export interface DashboardsOptions {
  readonly url: string
  readonly count: number
  /** How many events each is sent at first, all of pending tasks. */
  readonly eventsAtFirst: number
}

const openAtATime = 100

/** Dashboards with a WebSocket each. Resolves when all were sent their first events. */
export async function openWebSocketDashboards(options: DashboardsOptions, atEnd: Ending): Promise<Dashboards> {
  const { url, count, eventsAtFirst } = options
  const { tally, dashboards, see } = createDashboards(count)
  const counts = Array.from({ length: count }, () => countMarks(tally))
  const onMessage = (nth: number, json: Buffer) => {
    const text = json.toString('latin1')
    see(text)
    counts[nth]?.(text)
  }
  const sockets = await openBenchSockets({ url, count, onMessage, onBreak: tally.fail }, atEnd)
  const begun = tally.pendingReaches(count * eventsAtFirst)
  for (const socket of sockets) socket.subscribe(dashboardText, 'unused')
  await begun
  return dashboards
}

/** Dashboards with a request of SSE each. Resolves when all were sent their first events. */
export async function openEventStreamDashboards(options: DashboardsOptions, atEnd: Ending): Promise<Dashboards> {
  const { url, count, eventsAtFirst } = options
  const { tally, dashboards, see } = createDashboards(count)
  const streams: { close(): void }[] = []
  atEnd(() => {
    for (const stream of streams) stream.close()
  })
  while (streams.length < count) {
    const many = Math.min(streams.length + openAtATime, count)
    const reached = tally.pendingReaches(many * eventsAtFirst)
    while (streams.length < many) {
      const countText = countMarks(tally)
      const onText = (text: string) => {
        for (const line of text.split('\n')) if (line.startsWith('data: ')) see(line.slice('data: '.length))
        countText(text)
      }
      streams.push(openEventStream({ url, query: dashboardText, taskId: 'unused', onText, onBreak: tally.fail }))
    }
    await reached
  }
  return dashboards
}

function createDashboards(count: number) {
  const tally = createTally(count)
  let settledText = ''
  const dashboards: Dashboards = {
    told() {
      void tally.begin().catch(() => {})
      return tally.told()
    },
    settledText: () => settledText,
  }
  /** Keeps the text of an event if it is whole. */
  const see = (text: string) => {
    if (settledText === '' && text.includes('"settled":true') && text.endsWith('}')) settledText = text
  }
  return { tally, dashboards, see }
}
