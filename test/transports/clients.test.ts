import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { cacheExchange, createClient as createUrqlClient, fetchExchange, subscriptionExchange } from '@urql/core'
import { OperationTypeNode, print } from 'graphql'
import { GraphQLClient } from 'graphql-request'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import possibleTypes from '../../schema/possible-types.json' with { type: 'json' }
import { ReadDocument, SeparateDocument, WatchDocument } from '../../schema/operations.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import {
  callbackOfSuccess,
  recordOfSuccess,
  startPlayedProvider,
  type PlayedProvider,
} from '../support/played-provider.ts'

const key = 'a-key-of-the-clients'
const authorization = `Bearer ${key}`
const input = { musicTaskId: 'music-task', audioId: 'audio-1', idempotencyKey: 'once' }

interface Shown {
  readonly status: string
  readonly settled: boolean
}

/** A gateway with one caller, behind a proxy that can reset its connections. */
async function start() {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, API_KEYS: `web:${key}` })
  const line = await startLine(Number(new URL(gateway.url).port))
  return { provider, gateway, line, url: `http://127.0.0.1:${line.port}/graphql` }
}

interface Line {
  readonly port: number
  readonly cut: () => void
  /** The number of connections so far. */
  readonly opened: () => number
}

/** A proxy that forwards everything; `cut` resets every connection. */
async function startLine(target: number): Promise<Line> {
  let opened = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    opened += 1
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
        sockets.delete(socket)
      })
    }
    client.pipe(upstream)
    upstream.pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  onTestFinished(() => {
    cut()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The line has no port.')
  return { port: address.port, cut, opened: () => opened }
}

function wsClient(url: string) {
  const client = createWsClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryWait: async () => {},
    shouldRetry: () => true,
  })
  onTestFinished(() => client.dispose())
  return client
}

/** Resets the connections while the subscription waits, then sends the provider's callback. */
async function dropThenFinish(gateway: TestGateway, provider: PlayedProvider, line: Line): Promise<void> {
  await expect.poll(() => gateway.app.subscriptions()).toBe(1)
  const before = line.opened()
  line.cut()
  await expect.poll(line.opened, { timeout: 10_000 }).toBeGreaterThan(before)
  await expect.poll(() => gateway.app.subscriptions()).toBe(1)
  provider.answerRead(recordOfSuccess('provider-task-1'))
  const { callBackUrl } = (await provider.order(0)).body
  expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
}

/** What every client must see: one order, and the settled task after the connections were reset. */
function expectAll(provider: PlayedProvider, states: readonly (Shown | null | undefined)[]): void {
  expect(provider.orders).toHaveLength(1)
  expect(states.at(0)).toMatchObject({ status: 'PENDING' })
  expect(states.at(-1)).toMatchObject({ status: 'SUCCESS', settled: true })
}

function taskIdOf(answer: { readonly separate: object } | null | undefined): string {
  const { task } = { task: { id: '' }, ...answer?.separate }
  return task.id
}

test('Apollo Client orders, watches through a dropped socket, and reads', async () => {
  const { provider, gateway, line, url } = await start()
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(wsClient(url)),
      new HttpLink({ uri: url, headers: { authorization } }),
    ),
  })
  const ordered = await client.mutate({ mutation: SeparateDocument, variables: { input } })
  const taskId = taskIdOf(ordered.data)
  const states: (Shown | null | undefined)[] = []
  const done = new Promise<void>((resolve, reject) => {
    client.subscribe({ query: WatchDocument, variables: { taskId } }).subscribe({
      next: ({ data }) => states.push(data?.separationUpdated),
      error: reject,
      complete: resolve,
    })
  })
  await dropThenFinish(gateway, provider, line)
  await done
  expectAll(provider, states)
  const read = await client.query({ query: ReadDocument, variables: { taskId }, fetchPolicy: 'network-only' })
  expect(read.data?.separation).toMatchObject({ status: 'SUCCESS' })
  client.stop()
})

test('urql orders, watches through a dropped socket, and reads', async () => {
  const { provider, gateway, line, url } = await start()
  const sockets = wsClient(url)
  const client = createUrqlClient({
    url,
    preferGetMethod: false,
    fetchOptions: { headers: { authorization } },
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: sockets.subscribe(
              { query, ...(variables === undefined ? {} : { variables: { ...variables } }) },
              { next: ({ data }) => sink.next({ data: data ?? null }), error: sink.error, complete: sink.complete },
            ),
          }),
        }),
      }),
    ],
  })
  const ordered = await client.mutation(SeparateDocument, { input }).toPromise()
  const taskId = taskIdOf(ordered.data)
  const states: (Shown | null | undefined)[] = []
  const { unsubscribe } = client.subscription(WatchDocument, { taskId }).subscribe(({ data }) => {
    states.push(data?.separationUpdated)
  })
  await dropThenFinish(gateway, provider, line)
  await expect.poll(() => states.at(-1)?.settled).toBe(true)
  unsubscribe()
  expectAll(provider, states)
  const read = await client.query(ReadDocument, { taskId }, { requestPolicy: 'network-only' }).toPromise()
  expect(read.data?.separation).toMatchObject({ status: 'SUCCESS' })
})

test('graphql-request orders and reads, and graphql-sse watches through a dropped stream', async () => {
  const { provider, gateway, line, url } = await start()
  const client = new GraphQLClient(url, { headers: { authorization } })
  const taskId = taskIdOf(await client.request(SeparateDocument, { input }))
  const stream = createSseClient({ url, headers: { authorization }, retryAttempts: 10, retry: async () => {} })
  onTestFinished(() => stream.dispose())
  const states: (Shown | null | undefined)[] = []
  const done = (async () => {
    const variables = { taskId }
    for await (const { data } of stream.iterate<{ separationUpdated: Shown }>({
      query: print(WatchDocument),
      variables,
    })) {
      states.push(data?.separationUpdated)
    }
  })()
  await dropThenFinish(gateway, provider, line)
  await done
  expectAll(provider, states)
  expect((await client.request(ReadDocument, { taskId })).separation).toMatchObject({ status: 'SUCCESS' })
  await expect(new GraphQLClient(url).request(ReadDocument, { taskId })).rejects.toMatchObject({
    response: { status: 401, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
  })
})

test('graphql-ws repeats a mutation after a dropped socket, and it creates one order', async () => {
  const { provider, gateway, line, url } = await start()
  const client = wsClient(url)
  let answer = () => {}
  provider.answerSubmit(async (response, nth) => {
    answer = () => response.end(JSON.stringify({ code: 200, msg: 'success', data: { taskId: `provider-task-${nth}` } }))
  })
  const ordered = (async () => {
    for await (const { data } of client.iterate<{ separate: object }>({
      query: print(SeparateDocument),
      variables: { input },
    })) {
      return taskIdOf(data)
    }
    return ''
  })()
  await provider.order(0)
  line.cut()
  answer()
  const taskId = await ordered
  expect(taskId).toMatch(/^sep_/)
  const states: (Shown | null | undefined)[] = []
  const done = (async () => {
    for await (const { data } of client.iterate<{ separationUpdated: Shown }>({
      query: print(WatchDocument),
      variables: { taskId },
    })) {
      states.push(data?.separationUpdated)
    }
  })()
  await dropThenFinish(gateway, provider, line)
  await done
  expectAll(provider, states)
})
