import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { canary, expectNoCanary } from '../support/canaries.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, storedTasks, untilSettled } from '../support/gateway.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Runs the program as `npm run backup` does, in an empty folder. */
async function backUp(args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(dirname(inject('program')), 'backup/main.js'), ...args], {
    cwd: await newFolder(),
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (data) => (output += String(data)))
  child.stderr.on('data', (data) => (output += String(data)))
  const [code] = await once(child, 'close')
  expectNoCanary(output, 'the output of the program')
  return { code, output }
}

const sqlite = async () => ({ DATABASE_URL: await newDatabaseUrl() })

describe('a backup', () => {
  test('runs beside a gateway, contains everything from before it, and can be started on', async () => {
    const gateway = await startGateway({ ...(await sqlite()), SANDBOX_DELAY_MS: '10' })
    const before = await Promise.all(Array.from({ length: 20 }, (_, i) => order(gateway, { audioId: `done-${i}` })))
    for (const id of before.slice(0, 3)) await untilSettled(gateway, id)
    let isOver = false
    const traffic = (async () => {
      let count = 0
      for (; !isOver; count++) await order(gateway, { audioId: `done-later-${count}` })
      return count
    })()
    const to = join(await newFolder(), 'copy.db')
    const { code, output } = await backUp(['--to', to], { DATABASE_URL: gateway.environment['DATABASE_URL'] ?? '' })
    isOver = true
    expect(await traffic).toBeGreaterThan(0)
    expect(output).toMatch(/copy\.db is complete: \d+\.\d MB, \d+ tasks\.\n$/)
    expect(code).toBe(0)
    expect((await stat(to)).mode & 0o777).toBe(0o600)
    expect(await readdir(dirname(to))).toEqual(['copy.db'])

    const restored = await startGateway({ DATABASE_URL: `file:${to}` })
    const copied = await storedTasks(await openStoreOf(restored))
    expect(copied.map(({ id }) => id)).toEqual(expect.arrayContaining(before))
    // The secrets are copied too, so that callbacks still find their tasks.
    const secretOf = async (environment: { environment: Readonly<Record<string, string>> }) =>
      (await openStoreOf(environment)).secret('callbacks', () => 'another')
    expect(await secretOf(restored)).toBe(await secretOf(gateway))
  })

  test('overwrites no file', async () => {
    const { DATABASE_URL } = await sqlite()
    await (await startGateway({ DATABASE_URL })).close()
    const to = join(await newFolder(), 'copy.db')
    await writeFile(to, 'something')
    for (const args of [
      ['--to', to],
      ['--to', DATABASE_URL],
      ['--to', dirname(to)],
    ]) {
      const { code, output } = await backUp(args, { DATABASE_URL })
      expect(output).toContain('exists and is not overwritten')
      expect(code).toBe(1)
    }
    await writeFile(`${to}2.partial`, '')
    expect((await backUp(['--to', `${to}2`], { DATABASE_URL })).output).toMatch(
      /another backup is running, or one was killed/,
    )
    expect((await readdir(dirname(to))).toSorted()).toEqual(['copy.db', 'copy.db2.partial'])
  })

  test.each([
    {
      what: 'of PostgreSQL',
      args: ['--to', 'x'],
      url: `postgres://me:pass-${canary}@db.example/stems`,
      message: /pg_dump .*postgres:\/\/me@db\.example\/stems\n[^]*pg_restore --no-owner --exit-on-error [^]*PGPASSWORD/,
    },
    {
      what: 'of a missing file',
      args: ['--to', 'x'],
      url: 'file:nothing.db',
      message: /The file nothing\.db does not exist/,
    },
    {
      what: 'of the default file, if it is missing,',
      args: ['--to', 'x'],
      url: '',
      message: /The file data\/stemgate\.db does not exist/,
    },
    { what: 'of a database in memory', args: ['--to', 'x'], url: ':memory:', message: /in memory cannot be backed up/ },
    { what: 'without --to', args: [], url: 'file:/proc/self/status', message: /--to is missing/ },
    {
      what: 'of another kind of file',
      args: ['--to', 'x'],
      url: 'file:/proc/self/comm',
      message: /not an SQLite file/,
    },
    { what: 'with an unknown option', args: ['--too', 'x'], url: '', message: /Invalid options/ },
  ])('$what is refused with instructions', async ({ args, url, message }) => {
    const { code, output } = await backUp(args, { DATABASE_URL: url })
    expect(output).toMatch(message)
    expect(code).toBe(1)
  })

  test('is explained by --help', async () => {
    const { code, output } = await backUp(['--help'])
    expect(output).toMatch(/npm run backup -- --to copy\.db/)
    expect(code).toBe(0)
  })
})

test('a clean stop merges the WAL into the database file', async () => {
  const environment = await sqlite()
  const program = startProgram({ ...environment, SANDBOX: 'true' })
  const response = await fetch(`${await program.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query:
        'mutation { separate(input: { musicTaskId: "m", audioId: "silent" }) { ... on SeparateSuccess { task { id } } } }',
    }),
  })
  const { id } = (await response.json()).data.separate.task
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  const path = environment.DATABASE_URL.replace('file:', '')
  expect(await readdir(dirname(path))).toEqual(['stemgate.db'])
  const file = new DatabaseSync(path, { readOnly: true })
  onTestFinished(() => file.close())
  expect(file.prepare('select id from tasks').all()).toMatchObject([{ id }])
})

test('a stop deletes no file of a database that replaced its own', async () => {
  const path = (await newDatabaseUrl()).replace('file:', '')
  const first = await openSqliteStore(path)
  await first.secret('a', () => 'first')
  for (const end of ['', '-wal', '-shm']) await rename(`${path}${end}`, `${path}.old${end}`)
  const second = await openSqliteStore(path)
  onTestFinished(() => second.close())
  await second.secret('a', () => 'second')
  await first.close()
  const third = await openSqliteStore(path)
  onTestFinished(() => third.close())
  expect(await third.secret('a', () => 'third')).toBe('second')
})
