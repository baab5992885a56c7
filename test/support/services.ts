import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Client } from 'pg'
import { createClient } from '@redis/client'
import { onTestFinished } from 'vitest'
import type { Ending } from './gateway.ts'
import { canary } from './canaries.ts'
import { freePort } from './free-port.ts'

const postgresUrl = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const redisUrl = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379'
const missing = new Map<string, Promise<string | null>>()

/** The URL of a PostgreSQL in which databases may be made; null, after a line that says so, if there is none here. */
export function findPostgres(): Promise<string | null> {
  return found('PostgreSQL', 'TEST_POSTGRES_URL', postgresUrl, async () => {
    await withPostgres(async (client) => void (await client.query('select 1')))
  })
}

/** The URL of a Redis that may be used; null, after a line that says so, if there is none here. */
export function findRedis(): Promise<string | null> {
  return found('Redis', 'TEST_REDIS_URL', redisUrl, async () => {
    const client = createClient({ url: redisUrl, socket: { reconnectStrategy: false, connectTimeout: 2_000 } })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.ping()
    } finally {
      client.destroy()
    }
  })
}

/** Asks once in each worker. What runs without people must not leave tests out. */
function found(name: string, variable: string, url: string, ask: () => Promise<void>): Promise<string | null> {
  const asked =
    missing.get(name) ??
    ask().then(
      () => url,
      (error: unknown) => {
        const reason = `There is no ${name} for the tests (set ${variable}): ${String(error)}`
        if (process.env['CI']) throw new Error(reason, { cause: error })
        console.warn(`${reason}. What needs it is left out.`)
        return null
      },
    )
  missing.set(name, asked)
  return asked
}

/**
 * The URL of a new database, which goes with the test.
 * @param template the name of the database that it is a copy of; it is empty if left out
 */
export async function newPostgresDatabase(atEnd: Ending = onTestFinished, template = 'template1'): Promise<string> {
  const name = `stemgate_test_${randomBytes(8).toString('hex')}`
  await withPostgres(async (client) => {
    const { rows } = await client.query<{ fast: boolean }>(
      "select current_setting('fsync') = 'off' and current_setting('server_version_num')::int >= 150000 as fast",
    )
    // A copy of the files costs half as much, unless it has to reach the disk.
    const strategy = rows[0]?.fast === true ? 'strategy file_copy' : ''
    await client.query(`create database ${name} template ${template} ${strategy}`)
  })
  atEnd(() => withPostgres(async (client) => void (await client.query(`drop database if exists ${name} with (force)`))))
  const url = new URL(postgresUrl)
  url.pathname = `/${name}`
  // Where nobody asks for one, one may still be given.
  if (url.password === '') url.password = `database-${canary}`
  return url.href
}

async function withPostgres(use: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: postgresUrl, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

/** A Redis of the test's own, which may be stopped without harm to anybody. It keeps nothing. */
export interface OwnRedis {
  readonly url: string
  readonly port: number
  /** Ends it; resolves when it is gone. */
  stop(): Promise<void>
  /** Starts it again on its port, empty; resolves when it takes connections. */
  restart(): Promise<void>
}

/** Starts a Redis that ends with the test. `redis-server` has to be installed. */
export async function startOwnRedis(atEnd: Ending = onTestFinished): Promise<OwnRedis> {
  const port = await freePort()
  let child: ChildProcess | null = null

  async function start(): Promise<void> {
    const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const started = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'ignore'] })
    child = started
    let said = ''
    await new Promise<void>((resolve, reject) => {
      started.stdout.on('data', (bytes) => {
        said += String(bytes)
        if (said.includes('Ready to accept connections')) resolve()
      })
      started.once('error', reject)
      started.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${said}`)))
    })
  }

  async function stop(): Promise<void> {
    const running = child
    child = null
    if (running === null || running.exitCode !== null || running.signalCode !== null) return
    const ended = once(running, 'exit')
    running.kill('SIGKILL')
    await ended
  }

  atEnd(stop)
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop,
    async restart() {
      await stop()
      await start()
    },
  }
}
