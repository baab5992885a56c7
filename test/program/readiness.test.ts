import { once } from 'node:events'
import { copyFile, rename, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'
import { Client } from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { accepted, sendBody, startPlayedProvider } from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'
import { startSwallowingProxy } from '../support/swallowing-proxy.ts'

interface Answer {
  readonly status: number
  readonly ms: number
}

async function readyOf(url: string): Promise<Answer> {
  const startedAt = performance.now()
  const response = await fetch(`${url}/health/ready`)
  await response.arrayBuffer()
  return { status: response.status, ms: performance.now() - startedAt }
}

/** Polls until the answer has this status. Answers are cached for one second. */
async function untilReadyIs(status: number, url: string): Promise<void> {
  await expect.poll(async () => (await readyOf(url)).status, { timeout: 10_000, interval: 100 }).toBe(status)
}

/** A gateway on an SQLite file, whatever database the run uses. */
async function startOnFile(): Promise<{ readonly gateway: TestGateway; readonly path: string }> {
  const databaseUrl = await newDatabaseUrl()
  const gateway = await startGateway({ DATABASE_URL: databaseUrl })
  return { gateway, path: databaseUrl.replace('file:', '') }
}

function openBeside(path: string): DatabaseSyncInstance {
  const other = new DatabaseSync(path)
  onTestFinished(() => other.close())
  return other
}

describe('a gateway on an SQLite file', () => {
  test('reports within two seconds that it is not ready while another process holds the lock', async () => {
    const { gateway, path } = await startOnFile()
    await untilReadyIs(200, gateway.url)
    const other = openBeside(path)
    other.exec('BEGIN IMMEDIATE')
    await untilReadyIs(503, gateway.url)
    const answers: Answer[] = []
    for (let i = 0; i < 3; i++) answers.push(await readyOf(gateway.url))
    for (const { status, ms } of answers) {
      expect(status).toBe(503)
      expect(ms).toBeLessThan(2_000)
    }
    other.exec('ROLLBACK')
    await untilReadyIs(200, gateway.url)
  })

  test.each([
    { what: 'moved', damage: (path: string) => rename(path, `${path}.away`) },
    { what: 'deleted', damage: (path: string) => rm(path) },
    {
      what: 'replaced by a copy',
      async damage(path: string) {
        await copyFile(path, `${path}.copy`)
        await rename(`${path}.copy`, path)
      },
    },
  ])('is not ready after its file was $what', async ({ damage }) => {
    const { gateway, path } = await startOnFile()
    await untilReadyIs(200, gateway.url)
    await damage(path)
    await untilReadyIs(503, gateway.url)
  })

  test('is ready again after its file was restored', async () => {
    const { gateway, path } = await startOnFile()
    await rename(path, `${path}.away`)
    await untilReadyIs(503, gateway.url)
    await rename(`${path}.away`, path)
    await untilReadyIs(200, gateway.url)
  })

  test('writes once for all readiness requests of a second', async () => {
    const { gateway, path } = await startOnFile()
    const other = openBeside(path)
    const changes = () => JSON.stringify(other.prepare('select * from readiness').all())
    await readyOf(gateway.url)
    const written = changes()
    expect(written).toContain('written_at')
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: 100 }, () => readyOf(gateway.url)))
    const tookMs = performance.now() - startedAt
    // On a slow machine a second may have passed; then this proves nothing.
    if (tookMs < 900) expect(changes()).toBe(written)
    await expect
      .poll(
        async () => {
          await readyOf(gateway.url)
          return changes()
        },
        { timeout: 5_000 },
      )
      .not.toBe(written)
  })

  test('is ready with a database in memory', async () => {
    const gateway = await startGateway({ DATABASE_URL: ':memory:' })
    expect((await readyOf(gateway.url)).status).toBe(200)
  })
})

describe.skipIf((await findPostgres()) === null)('a gateway on PostgreSQL', () => {
  test('is not ready while the database is read-only', async () => {
    const url = await newPostgresDatabase()
    const gateway = await startGateway({ DATABASE_URL: url })
    await untilReadyIs(200, gateway.url)
    const operator = new Client({ connectionString: url })
    operator.on('error', () => {})
    await operator.connect()
    onTestFinished(() => operator.end())
    const name = new URL(url).pathname.slice(1)
    const others = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`
    await operator.query(`alter database ${name} set default_transaction_read_only = on`)
    await operator.query(others)
    await untilReadyIs(503, gateway.url)
    const { status, ms } = await readyOf(gateway.url)
    expect(status).toBe(503)
    expect(ms).toBeLessThan(2_000)
    await operator.query('set transaction read write')
    await operator.query(`begin read write; alter database ${name} set default_transaction_read_only = off; commit`)
    await operator.query(others)
    await untilReadyIs(200, gateway.url)
  })

  test('reports within two seconds that it is not ready while the database is silent', async () => {
    const url = new URL(await newPostgresDatabase())
    const proxy = await startSwallowingProxy(Number(url.port) || 5432)
    url.hostname = '127.0.0.1'
    url.port = String(proxy.port)
    const gateway = await startGateway({ DATABASE_URL: url.href })
    await untilReadyIs(200, gateway.url)
    proxy.swallow()
    await untilReadyIs(503, gateway.url)
    for (let i = 0; i < 4; i++) {
      const { status, ms } = await readyOf(gateway.url)
      expect(status).toBe(503)
      expect(ms).toBeLessThan(2_000)
    }
    proxy.heal()
    await untilReadyIs(200, gateway.url)
  })
})

test('after SIGTERM the gateway serves requests for SHUTDOWN_DELAY_SECONDS and reports that it is not ready', async () => {
  const provider = await startPlayedProvider()
  provider.answerSubmit((response) => sendBody(response, accepted('their-task')))
  const program = startProgram({
    ...provider.environment,
    DATABASE_URL: await newDatabaseUrl(),
    SHUTDOWN_DELAY_SECONDS: '2.5',
  })
  const url = await program.url
  expect((await readyOf(url)).status).toBe(200)
  const stoppedAt = performance.now()
  program.signal('SIGTERM')
  await expect.poll(() => program.stdout(), { timeout: 5_000 }).toContain('Stopping')
  expect((await readyOf(url)).status).toBe(503)
  const live = await fetch(`${url}/health/live`)
  expect(live.status).toBe(200)
  await live.arrayBuffer()
  const query = 'mutation { separate(input: { musicTaskId: "m", audioId: "a" }) { __typename } }'
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  })
  expect(await response.json()).toEqual({ data: { separate: { __typename: 'SeparateSuccess' } } })
  expect(await program.exit).toBe(0)
  expect(performance.now() - stoppedAt).toBeGreaterThan(2_400)
  expect(provider.orders).toHaveLength(1)
})

test('SIGUSR1 does not open a debugger', async () => {
  const port = await freePort()
  const program = startProgram({
    DATABASE_URL: await newDatabaseUrl(),
    NODE_OPTIONS: `--inspect-port=127.0.0.1:${port}`,
  })
  const url = await program.url
  program.signal('SIGUSR1')
  await expect.poll(() => program.stderr(), { timeout: 5_000 }).toContain('SIGUSR1')
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
  const socket = connect(port, '127.0.0.1')
  const [error] = await once(socket, 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  expect(program.stderr()).not.toContain('Debugger listening')
})
