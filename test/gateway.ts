import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { createClient, type Client, type ClientOptions } from 'graphql-ws'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { startApp, type App } from '../src/app.ts'
import { parseConfig } from '../src/config.ts'
import type { Log } from '../src/separation/ports.ts'

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

/** Starts a gateway that ends with the test. Unless `environment` says otherwise, its only provider is a quick sandbox. */
export async function startGateway(environment: Readonly<Record<string, string>> = {}): Promise<TestGateway> {
  const folder = environment['DATABASE_URL'] === undefined ? await mkdtemp(join(tmpdir(), 'stemgate-')) : null
  const whole = {
    PORT: '0',
    SANDBOX_DELAY_MS: '50',
    ...(folder === null ? {} : { DATABASE_URL: `file:${join(folder, 'stemgate.db')}` }),
    ...environment,
  }
  const logged: string[] = []
  const app = await startApp(parseConfig(whole), createListLog(logged))
  const clients: Client[] = []
  let closed: Promise<void> | null = null
  const close = () => (closed ??= app.close())
  onTestFinished(async () => {
    await Promise.all(clients.map((client) => client.dispose()))
    await close()
    if (folder !== null) await rm(folder, { recursive: true, force: true })
  })

  const ask = async (query: string, variables: unknown) => {
    const response = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
    return response.json()
  }

  return {
    app,
    url: app.url,
    logged,
    environment: whole,
    send: <T, V>(document: TypedDocumentNode<T, V>, variables: V) =>
      ask(print(document), variables) as Promise<Result<T>>,
    ask: (query, variables = {}) => ask(query, variables) as Promise<Result<Record<string, unknown>>>,
    connect(options = {}) {
      const url = `${app.url.replace('http', 'ws')}/graphql`
      const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, ...options })
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
  const told: T[] = []
  for await (const { data, errors } of client.iterate<T>({ query: print(document), variables })) {
    if (errors !== undefined) throw new Error(JSON.stringify(errors))
    if (data !== null && data !== undefined) told.push(data)
  }
  return told
}

function createListLog(lines: string[]): Log {
  const write = (level: string) => (detail: object, message: string) => {
    lines.push(JSON.stringify({ level, message, ...detail }, withErrors))
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

function withErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? `${value.stack} ${JSON.stringify(value.cause)}` : value
}
