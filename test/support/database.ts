import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import pg from 'pg'
import { inject, onTestFinished } from 'vitest'
import { parseDatabaseUrl, type DatabaseAddress } from '../../src/stores/database/database-url.ts'
import { openStore } from '../../src/stores/open-store.ts'
import type { Ending } from './gateway.ts'
import { findPostgres, findRedis, newPostgresDatabase } from './services.ts'
import type { Log } from '../../src/runtime/log.ts'
import type { Store } from '../../src/separation/store/store.ts'

type Environment = Readonly<Record<string, string>>

const silence: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Whether the gateways of this run share PostgreSQL and Redis. Otherwise each has a file of SQLite. */
export const isShared = process.env['TEST_STORE'] === 'shared'

/** What keeps a gateway's tasks, new and its own, which goes with the test: the variables that name it. */
export async function newDatabase(atEnd: Ending = onTestFinished): Promise<Environment> {
  if (isShared) {
    const redis = await findRedis()
    if ((await findPostgres()) === null || redis === null) throw new Error('These tests need PostgreSQL and Redis.')
    return { DATABASE_URL: await newMigratedDatabase(atEnd), REDIS_URL: redis }
  }
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'stemgate.db')
  await copyFile(inject('templates').sqlite, file)
  return { DATABASE_URL: `file:${file}` }
}

/** The URL of a new database of PostgreSQL with our tables, which goes with the test. */
export function newMigratedDatabase(atEnd: Ending = onTestFinished): Promise<string> {
  return newPostgresDatabase(atEnd, inject('templates').postgres ?? undefined)
}

/** A connection of its own to the gateway's database, as another process would have it; it ends with the test. */
export async function openStoreOf(
  { environment }: { readonly environment: Environment },
  atEnd: Ending = onTestFinished,
): Promise<Store> {
  const store = await openStore(databaseOf(environment), silence)
  atEnd(() => store.close())
  return store
}

/** Rows as they stand in the gateway's database. */
export async function rowsOf(
  { environment }: { readonly environment: Environment },
  sql: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const database = databaseOf(environment)
  if (database.kind === 'postgres') {
    const client = await connectTo(database.url)
    try {
      const { rows } = await client.query<Record<string, unknown>>(sql)
      return rows
    } finally {
      await client.end()
    }
  }
  const file = new DatabaseSync(database.path, { readOnly: true })
  try {
    return file
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }))
  } finally {
    file.close()
  }
}

/** Changes rows of the gateway's database as nothing of this version would: `?` stands for each value. */
export async function changeRows(
  { environment }: { readonly environment: Environment },
  sql: string,
  values: readonly (string | number | null)[],
): Promise<void> {
  const database = databaseOf(environment)
  if (database.kind === 'postgres') {
    const client = await connectTo(database.url)
    let nth = 0
    try {
      await client.query(
        sql.replace(/\?/g, () => `$${++nth}`),
        [...values],
      )
    } finally {
      await client.end()
    }
    return
  }
  const file = new DatabaseSync(database.path)
  try {
    file.prepare(sql).run(...values)
  } finally {
    file.close()
  }
}

/** When the next check of the task is due, from the database: null for never, 0 for at once. */
export async function dueAtOf(gateway: { readonly environment: Environment }, taskId: string): Promise<number | null> {
  const [row] = await rowsOf(gateway, `select due_at from tasks where id = '${taskId}'`)
  const dueAtMs = row?.['due_at'] ?? null
  return dueAtMs === null ? null : Number(dueAtMs)
}

/** Blocks writes of all other connections to the gateway's database until the returned function is called. */
export async function lockDatabaseOf({
  environment,
}: {
  readonly environment: Environment
}): Promise<() => Promise<void>> {
  const database = databaseOf(environment)
  const close = database.kind === 'postgres' ? await lockTables(database.url) : lockFile(database.path)
  let isOpen = true
  const unlock = async () => {
    if (!isOpen) return
    isOpen = false
    await close()
  }
  onTestFinished(unlock)
  return unlock
}

async function lockTables(url: string): Promise<() => Promise<void>> {
  const client = await connectTo(url)
  await client.query('begin; lock table tasks, keys, callbacks, secrets in exclusive mode')
  return () => client.end()
}

function lockFile(path: string): () => Promise<void> {
  const file = new DatabaseSync(path)
  file.exec('BEGIN EXCLUSIVE')
  return async () => file.close()
}

async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}

function databaseOf(environment: Environment): DatabaseAddress {
  const database = parseDatabaseUrl(environment['DATABASE_URL'] ?? '')
  if (database === null) throw new Error('This gateway has no database of its own.')
  return database
}
