import { createClient } from 'graphql-ws'
import { print } from 'graphql'
import { Agent } from 'undici'
import { WebSocket } from 'ws'
import {
  SeparateDocument,
  WatchDocument,
  type SeparateMutation,
  type WatchSubscription,
} from '../../../schema/operations.ts'

/** Sends orders and callbacks over kept-alive connections, so that connecting is not measured. */
export interface Sender {
  /** Orders a track; resolves to our task id. */
  order(gateway: string, audioId: string): Promise<string>
  /** Throws unless the response is 200. */
  callBack(url: string, body: object): Promise<void>
  close(): Promise<void>
}

export function createSender(connections: number): Sender {
  const agent = new Agent({ connections })

  async function post(url: string, body: object): Promise<string> {
    const { origin, pathname: path } = new URL(url)
    const headers = { 'content-type': 'application/json' }
    const response = await agent.request({ origin, path, method: 'POST', headers, body: JSON.stringify(body) })
    const text = await response.body.text()
    if (response.statusCode !== 200) throw new Error(`${path} was answered with ${response.statusCode}: ${text}`)
    return text
  }

  return {
    async order(gateway, audioId) {
      const variables = { input: { musicTaskId: `music-of-${audioId}`, audioId } }
      const text = await post(`${gateway}/graphql`, { query: print(SeparateDocument), variables })
      const { data }: { data: SeparateMutation | null } = JSON.parse(text)
      if (data?.separate.__typename === 'SeparateSuccess') return data.separate.task.id
      throw new Error(`The order was not taken: ${text}`)
    },
    callBack: async (url, body) => void (await post(url, body)),
    close: () => agent.destroy(),
  }
}

/** A socket with subscriptions to tasks. */
export interface Subscriber {
  /** Begins to watch; resolves when the task is shown for the first time, to what resolves when it is shown settled. */
  watch(taskId: string): Promise<{ readonly settled: Promise<void> }>
  close(): Promise<void>
}

/** `lazy`: the socket is open only while it has subscriptions. */
export function createSubscriber(gateway: string, { lazy = true } = {}): Subscriber {
  const url = `${gateway.replace('http', 'ws')}/graphql`
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, lazy })
  return {
    watch: (taskId) =>
      new Promise((begun, failed) => {
        const settled = new Promise<void>((resolve, reject) => {
          client.subscribe<WatchSubscription>(
            { query: print(WatchDocument), variables: { taskId } },
            {
              next({ data }) {
                begun({ settled })
                if (data?.separationUpdated?.settled === true) resolve()
              },
              error: (error) => reject(new Error(`A subscription broke: ${JSON.stringify(error)}`, { cause: error })),
              complete: () => reject(new Error(`The subscription to ${taskId} was completed too early.`)),
            },
          )
        })
        settled.catch(failed)
      }),
    close: async () => client.dispose(),
  }
}
