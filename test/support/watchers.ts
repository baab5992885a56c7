import { createClient, type Client } from 'graphql-ws'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { get, readEvents, webSocketUrl } from './transports.ts'

/** Watches the task of `$taskId`. */
export const watchQuery =
  'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { revision status audioId } }'

/** What a watcher asks for. */
export interface WatchedState {
  readonly revision: number
  readonly status: string
  readonly audioId: string
}

/** The states of a task, one after the other. */
export type Watcher = AsyncIterator<WatchedState, void>

/** The states in the results of `watchQuery`. */
export async function* tasksIn(results: AsyncIterable<object>): AsyncGenerator<WatchedState, void> {
  for await (const result of results) yield JSON.parse(JSON.stringify(result)).data.separationUpdated
}

/** Subscribes to the task at the gateway of this URL until the test ends. */
export const watchOver = {
  WebSocket(url: string, taskId: string): Watcher {
    return tasksIn(openClient(url).iterate({ query: watchQuery, variables: { taskId } }))
  },
  SSE(url: string, taskId: string): Watcher {
    const leaving = new AbortController()
    onTestFinished(() => leaving.abort())
    return tasksIn(streamOf(url, taskId, leaving.signal))
  },
}

/** A graphql-ws client that closes with the test. */
export function openClient(url: string): Client {
  const client = createClient({ url: webSocketUrl(url), webSocketImpl: WebSocket, retryAttempts: 0, lazy: true })
  onTestFinished(() => void client.dispose())
  return client
}

/** The results that come over SSE. */
export async function* streamOf(url: string, taskId: string, signal: AbortSignal) {
  yield* readEvents(await get(url, { query: watchQuery, variables: { taskId } }, 'text/event-stream', { signal }))
}

/** The next state; throws if the subscription has ended. */
export async function next(watcher: Watcher): Promise<WatchedState> {
  const item = await watcher.next()
  if (item.done === true) throw new Error('The subscription has ended.')
  return item.value
}

/** All states until the end of the subscription. */
export async function rest(watcher: Watcher): Promise<WatchedState[]> {
  const states: WatchedState[] = []
  for (let item = await watcher.next(); item.done !== true; item = await watcher.next()) states.push(item.value)
  return states
}
