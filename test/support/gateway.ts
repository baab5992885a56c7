import { createCheckRequests } from '../../src/separation/check/check-requests.ts'
import type { SeparateOutcome } from '../../src/separation/order/separate.ts'
import { inspect } from 'node:util'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { createClient, type Client, type ClientOptions } from 'graphql-ws'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { startApp } from '../../src/app.ts'
import type { App, AppOptions } from '../../src/program/running-app.ts'
import { createInProcessChanges } from '../../src/coordination/in-process-changes.ts'
import type { Config } from '../../src/config/config.ts'
import { createCallbackAddresses } from '../../src/separation/callback/callback-address.ts'
import { kie } from '../../src/providers/vocal-removal/kie.ts'
import { createInProcessRates } from '../../src/coordination/in-process-rates.ts'
import { createRestProvider } from '../../src/providers/vocal-removal/rest-provider.ts'
import { SeparateDocument, WatchDocument, type SeparateInput } from '../../schema/operations.ts'
import { createSeparations, type Separations } from '../../src/separation/separations.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { canary, expectNoCanary, findCanary } from './canaries.ts'
import { newDatabase, openStoreOf } from './database.ts'
import { parseImpatiently } from './impatient-config.ts'
import type { PlayedProvider } from './played-provider.ts'
import type { Log } from '../../src/runtime/log.ts'
import type { Store } from '../../src/separation/store/store.ts'

/** What came of an operation. */
export interface Result<T> {
  readonly data: T | null | undefined
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[]
}

/** A whole gateway on a port of its own, with a database file of its own, as an operator would start it. */
export interface TestGateway {
  readonly app: App
  readonly url: string
  /** What it has logged, a line of JSON each. */
  readonly logged: readonly string[]
  /** The environment that it was started with: start another gateway with it to see a restart. */
  readonly environment: Readonly<Record<string, string>>
  /** Sends an operation by POST. */
  send<T, V>(document: TypedDocumentNode<T, V>, variables: V): Promise<Result<T>>
  /** Sends a document that has no types. */
  ask(query: string, variables?: Record<string, unknown>): Promise<Result<Record<string, unknown>>>
  /** A client of graphql-ws. */
  connect(options?: Partial<ClientOptions>): Client
  /** Stops it as SIGTERM would; the test's end does it too. */
  close(): Promise<void>
}

/** The link of a stem is a credential. */
const stemLink = /stems(?:\/|%2f)sep_[0-9a-z]{26}(?:\/|%2f)[^/]+(?:\/|%2f)[\w-]{43}/i

/** What ends something with its test. A test that runs beside others has one of its own, in its context. */
export type Ending = typeof onTestFinished

/** Settings that operators cannot choose, so that tests do not wait, or wait long enough. */
export type Timings = Partial<
  Pick<
    Config,
    'callbackGraceMs' | 'failureGraceMs' | 'emptyGraceMs' | 'readsPerSecond' | 'stemStallMs' | 'webhookRetryDelaysMs'
  >
> & { readonly archiveRetryMs?: number }

/**
 * Starts a gateway that ends with the test, which fails if it has told or logged a secret. Unless `environment` says
 * otherwise, its only provider is a quick sandbox.
 */
export async function startGateway(
  environment: Readonly<Record<string, string>> = {},
  atEnd: Ending = onTestFinished,
  { archiveRetryMs, ...timings }: Timings = {},
  appOptions: AppOptions = {},
): Promise<TestGateway> {
  const whole = {
    PORT: '0',
    SANDBOX_DELAY_MS: '50',
    SUBMITS_PER_10_SECONDS: '100000',
    ...(environment['DATABASE_URL'] === undefined ? await newDatabase(atEnd) : {}),
    ...environment,
  }
  const logged: string[] = []
  const hasKey = Object.keys(whole).some((name) => /^(KIE|APIKLEY|SUNOAPI)_API_KEY$/.test(name))
  const config = parseImpatiently({ ...(hasKey ? {} : { SANDBOX: 'true' }), ...whole })
  const archive = config.archive && { ...config.archive, retryMs: archiveRetryMs ?? config.archive.retryMs }
  const app = await startApp({ ...config, ...timings, archive }, createListLog(logged), appOptions)
  const clients: Client[] = []
  let toldBySocket: string | null = null
  let closed: Promise<void> | null = null
  const close = () => (closed ??= app.close())
  atEnd(async () => {
    for (const client of clients) await client.dispose()
    await close()
    expectNoCanary(logged.join('\n'), "a gateway's log")
    if (stemLink.test(logged.join('\n'))) throw new Error("A link of a stem stands in a gateway's log.")
    if (toldBySocket !== null) throw new Error(`A secret stands in what a socket told, ${toldBySocket}`)
  })

  const ask = async <T>(query: string, variables: unknown): Promise<Result<T>> => {
    const response = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
    const text = await response.text()
    expectNoCanary(text, 'an answer')
    const result: Result<T> = JSON.parse(text)
    return result
  }

  return {
    app,
    url: app.url,
    logged,
    environment: whole,
    send: (document, variables) => ask(print(document), variables),
    ask: (query, variables = {}) => ask(query, variables),
    connect(options = {}) {
      const url = `${app.url.replace('http', 'ws')}/graphql`
      const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, ...options })
      client.on('message', (message) => (toldBySocket ??= findCanary(JSON.stringify(message))))
      clients.push(client)
      return client
    },
    close,
  }
}

/** Everything that a subscription tells until it completes. */
export async function collect<T, V extends Record<string, unknown>>(
  client: Client,
  document: TypedDocumentNode<T, V>,
  variables: V,
): Promise<T[]> {
  const report: T[] = []
  for await (const { data, errors } of client.iterate<T>({ query: print(document), variables })) {
    if (errors !== undefined) throw new Error(JSON.stringify(errors))
    if (data !== null && data !== undefined) report.push(data)
  }
  return report
}

/** The track that is ordered unless a test says otherwise. */
export const someTrack = {
  musicTaskId: 'music-task',
  audioId: 'audio-1',
  reference: null,
  webhookUrl: null,
} as const

/** Orders a separation that must be accepted; resolves to our task id. */
export async function order(gateway: TestGateway, input: Partial<SeparateInput> = {}): Promise<string> {
  const { data, errors } = await gateway.send(SeparateDocument, { input: { ...someTrack, ...input } })
  if (data && 'reused' in data.separate) return data.separate.task.id
  throw new Error(`The order was not taken: ${JSON.stringify(data ?? errors)}`)
}

/** The task as a subscription shows it at its end. */
export async function untilSettled(gateway: TestGateway, taskId: string) {
  const report = await collect(gateway.connect(), WatchDocument, { taskId })
  const last = report.at(-1)?.separationUpdated
  if (last?.settled !== true) throw new Error(`The subscription ended with ${JSON.stringify(last)}.`)
  return last
}

/** The task as it is stored. */
export async function storedTask(store: Store, taskId: string): Promise<Task> {
  const [task] = await store.find([taskId])
  if (task === undefined) throw new Error(`There is no task ${taskId}.`)
  return task
}

/** Every task of a caller, newest first. */
export async function storedTasks(store: Store, owner = 'anonymous'): Promise<readonly Task[]> {
  return store.list(owner, { where: {}, limit: 1_000, inverted: false })
}

/** The task of an order that was accepted. Throws if it was refused. */
export function acceptedTask(outcome: SeparateOutcome): Task {
  if (outcome.kind === 'accepted') return outcome.task
  throw new Error(`The order was refused: ${outcome.refusal.message}`)
}

/** The core of a gateway on a file of its own and a real provider, for what no caller of today's can do through the door. */
export async function startCore(
  played: PlayedProvider,
  wrap: (store: Store) => Store = (store) => store,
): Promise<{ readonly separations: Separations; readonly store: Store }> {
  const environment = await newDatabase()
  const store = await openStoreOf({ environment })
  const log = createListLog([])
  const provider = createRestProvider({
    spec: kie,
    baseUrl: played.url,
    apiKeys: () => [`kie-key-${canary}`],
    webhookKeys: () => [],
    rates: createInProcessRates({ readsPerSecond: () => 1_000, submitsPer10Seconds: () => 1_000 }),
    userAgent: 'stemgate/test',
    log,
  })
  const secondMs = 1_000
  const wrapped = wrap(store)
  const separations = createSeparations({
    store: wrapped,
    reader: wrapped,
    clock: wrapped,
    changes: createInProcessChanges(),
    providers: new Map([['kie', provider]]),
    defaultProvider: 'kie',
    addresses: createCallbackAddresses({
      publicUrl: () => 'http://gateway.example',
      secrets: () => [`secret-of-the-core-${canary}`],
    }),
    log,
    timings: {
      intervalMs: 30 * secondMs,
      submitTimeoutMs: 10 * secondMs,
      submitWaitMs: 3 * secondMs,
      unconfirmedAfterMs: 3_600 * secondMs,
      giveUpAfterMs: 86_400 * secondMs,
      callbackGraceMs: 4 * secondMs,
      failureGraceMs: 900 * secondMs,
      emptyGraceMs: 60 * secondMs,
    },
    requests: createCheckRequests(),
    archiveMs: null,
  })
  onTestFinished(async () => {
    await provider.close()
  })
  return { separations, store }
}

function createListLog(lines: string[]): Log {
  const write = (level: string) => (detail: object, message: string) => {
    lines.push(JSON.stringify({ level, message, ...detail }, withErrors))
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

function withErrors(_key: string, value: unknown): unknown {
  // Everything that an error holds, as the program's own log would write it.
  return value instanceof Error ? inspect(value, { depth: 6 }) : value
}
