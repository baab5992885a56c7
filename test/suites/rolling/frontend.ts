import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { print } from 'graphql'
import { Agent } from 'undici'
import { WebSocket } from 'ws'
import { SeparateDocument, WatchDocument } from '../../../schema/operations.ts'
import type { Order, Ordered, ShownTask, Watched } from '../faults/client.ts'

/** A client as frontends are: it orders by POST, and one socket carries all that it watches. */
export interface Frontend {
  /** Orders, and sends the very same again until there is a task or a refusal that is meant to last. */
  order(order: Order, stop: AbortSignal): Promise<Ordered>
  /** Watches a task to the end of its subscription. Nothing here subscribes again: the client has to. */
  watch(taskId: string): Promise<Watched>
  /** Whether its socket is there. */
  isConnected(): boolean
  /** The codes with which sockets were closed on which something was watched: the client closes them when nothing is. */
  readonly closes: readonly number[]
  /** What went wrong on the way to a socket. */
  readonly unopened: readonly string[]
  /** How the requests went wrong that had to be sent again. */
  readonly troubles: readonly string[]
  close(): Promise<void>
}

const retryMs = 100

/** `keepsConnections`: whether its requests share connections, or each has its own. */
export function createFrontend(url: string, { keepsConnections }: { readonly keepsConnections: boolean }): Frontend {
  const closes: number[] = []
  const unopened: string[] = []
  const troubles: string[] = []
  let isOpen = false
  let isConnected = false
  let watches = 0
  const agent = new Agent({ pipelining: keepsConnections ? 1 : 0 })
  // Its ways of connecting again are those that it comes with.
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    on: {
      opened: () => void (isOpen = true),
      connected: () => void (isConnected = true),
      error: (error) => void unopened.push(reasonOf(error)),
      closed: (event) => {
        if (isOpen && watches > 0) closes.push(codeOf(event))
        isOpen = false
        isConnected = false
      },
    },
  })

  /** Sends it once; null, after a note of why, if it has to be sent again. */
  async function send(input: Order): Promise<Ordered | null> {
    const body = JSON.stringify({ query: print(SeparateDocument), variables: { input } })
    try {
      const { origin } = new URL(url)
      const headers = { 'content-type': 'application/json' }
      const response = await agent.request({ origin, path: '/graphql', method: 'POST', headers, body })
      const text = await response.body.text()
      if (response.statusCode !== 200) {
        troubles.push(`status ${response.statusCode}`)
        return null
      }
      const { data }: { data: { separate: SeparateAnswer } } = JSON.parse(text)
      const { separate } = data
      if (separate.__typename === 'SeparateSuccess') {
        return { kind: 'task', taskId: separate.task.id, reused: separate.reused, wasQueued: false }
      }
      return separate.retryable ? null : { kind: 'refused', error: separate.__typename }
    } catch (error) {
      troubles.push(reasonOf(error))
      return null
    }
  }

  return {
    async order(order, stop) {
      for (;;) {
        const answer = await send(order)
        if (answer !== null) return answer
        if (stop.aborted) return { kind: 'unanswered' }
        await sleep(retryMs)
      }
    },
    async watch(taskId) {
      const request = { query: print(WatchDocument), variables: { taskId } }
      let last: ShownTask | null = null
      watches += 1
      try {
        for await (const { data, errors } of client.iterate<{ separationUpdated: ShownTask | null }>(request)) {
          if (errors !== undefined) return { taskId, last, problem: JSON.stringify(errors) }
          last = data?.separationUpdated ?? last
        }
        return { taskId, last, problem: null }
      } catch (error) {
        return { taskId, last, problem: reasonOf(error) }
      } finally {
        watches -= 1
      }
    },
    isConnected: () => isConnected,
    closes,
    unopened,
    troubles,
    async close() {
      await client.dispose()
      await agent.destroy()
    },
  }
}

type SeparateAnswer =
  | { readonly __typename: 'SeparateSuccess'; readonly reused: boolean; readonly task: { readonly id: string } }
  | { readonly __typename: `${string}Error`; readonly retryable: boolean }

function codeOf(event: unknown): number {
  return typeof event === 'object' && event !== null && 'code' in event ? Number(event.code) : Number.NaN
}

/** By its code, if it has one: texts name ports. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  if ('code' in error) return String(error.code)
  return 'message' in error ? String(error.message) : JSON.stringify(error)
}
