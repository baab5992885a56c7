import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { createPace } from '../../../src/separation/purge/pace.ts'
import { purge } from '../../../src/separation/purge/purge.ts'
import type { Store } from '../../../src/separation/store/store.ts'
import { newTaskId } from '../../../src/separation/task/task-id.ts'
import { migrationLimits } from '../../../src/stores/postgres/postgres-dialect.ts'
import { openPostgresStore, openPostgres } from '../../../src/stores/postgres/postgres-store.ts'
import { openSqlite, openSqliteStore } from '../../../src/stores/sqlite/sqlite-store.ts'
import type { Database } from '../../../src/stores/database/tables.ts'
import { columnsOf } from '../../../src/stores/task/stored-task.ts'
import type { Ending } from '../../support/gateway.ts'
import { newPostgresDatabase } from '../../support/services.ts'
import { pendingTask, succeededTask } from '../../support/tasks.ts'
import { latencyOf, type Latency } from './latency.ts'

export const storeKinds = ['sqlite', 'postgres'] as const

export interface PurgeMeasureOptions {
  readonly kind: (typeof storeKinds)[number]
  /** How many old tasks are deleted, and how many callers they belong to. */
  readonly tasks: number
  readonly owners: number
  /** How long it is measured without deleting. */
  readonly seconds: number
  /** For how long tasks are deleted at most. */
  readonly minutes: number
  readonly onProgress: (line: string) => void
}

/** How long an order takes until it is stored, a read of one task, and a turn of the event loop beyond its 5 ms. */
export type Measured = Readonly<Record<'order' | 'read' | 'loop', Latency>>

export interface PurgeResult {
  readonly idle: Measured
  readonly purging: Measured
  readonly deleted: number
  readonly seconds: number
  /** null if the database cannot say. */
  readonly bytesPerTombstone: number | null
}

const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const rowsAtATime = 20_000
/** Between two orders, and two reads. */
const everyMs = 10
const dayMs = 24 * 60 * 60_000

/** Fills a database, and measures orders and reads without deleting and while all of its tasks are deleted. */
export async function measurePurge(options: PurgeMeasureOptions, atEnd: Ending): Promise<PurgeResult> {
  const { kind, tasks, seconds, onProgress } = options
  const { store, db, bytes } = kind === 'sqlite' ? await openFile(atEnd) : await openServer(atEnd)
  onProgress(`${kind}: storing ${tasks} tasks …`)
  await fill(db, options)
  // As after a day of orders.
  if (kind === 'postgres') await sql`vacuum analyze`.execute(db)
  onProgress(`${kind}: ${await bytes()} bytes; measuring ${seconds} s without deleting …`)
  const idle = await measureDuring(store, () => sleep(seconds * 1_000))
  onProgress(`${kind}: deleting …`)
  const startedAt = performance.now()
  let shownAt = startedAt
  let deleted = 0
  const purging = await measureDuring(store, async () => {
    const untilMs = performance.now() + options.minutes * 60_000
    const mayContinue = async () => performance.now() < untilMs
    const run = { beforeMs: Date.now() + dayMs, nowMs: Date.now(), mayContinue }
    const counts = await purge(
      { store, files: null, pace: createPace(), log: silentLog },
      {
        ...run,
        onProgress(so) {
          if (performance.now() - shownAt < 10_000) return
          shownAt = performance.now()
          onProgress(`  ${so.deleted} tasks`)
        },
      },
    )
    deleted = counts.deleted
  })
  const tookSeconds = (performance.now() - startedAt) / 1_000
  return { idle, purging, deleted, seconds: tookSeconds, bytesPerTombstone: await tombstoneBytes(kind, db, deleted) }
}

async function openFile(atEnd: Ending) {
  const folder = await mkdtemp(join(process.env['BENCH_FOLDER'] ?? tmpdir(), 'stemgate-purge-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'stemgate.db')
  const store = await openSqliteStore(path)
  atEnd(() => store.close())
  const { db } = await openSqlite(path)
  atEnd(() => db.destroy())
  return { store, db, bytes: async () => (await stat(path)).size }
}

async function openServer(atEnd: Ending) {
  const url = await newPostgresDatabase(atEnd)
  const store = await openPostgresStore(url, silentLog)
  atEnd(() => store.close())
  // To fill it may take longer than the gateway allows a statement.
  const db = await openPostgres(url, silentLog, migrationLimits)
  atEnd(() => db.destroy())
  const bytes = async () => {
    const { rows } = await sql<{ size: number }>`select pg_database_size(current_database()) as size`.execute(db)
    return rows[0]?.size ?? 0
  }
  return { store, db, bytes }
}

/** Tasks with a key each, as callers have them after a while. The database makes them itself: that is ten times as fast. */
async function fill(db: Kysely<Database>, { kind, tasks, owners }: PurgeMeasureOptions): Promise<void> {
  const isSqlite = kind === 'sqlite'
  if (isSqlite) await sql`pragma cache_size = -1000000`.execute(db)
  const template = succeededTask({ id: '@id', providerTaskId: '@provider', owner: '@owner', audioId: '@audio' })
  const { task: document, ...row } = columnsOf(template)
  const padded = isSqlite ? sql`printf('%023d', n)` : sql`lpad(n::text, 23, '0')`
  const name = (prefix: string, of = sql`n`) => sql`${sql.lit(prefix)} || cast(${of} as text)`
  const id = sql`'sep_01k' || ${padded}`
  const owner = name('key:', sql`n % ${sql.lit(owners)}`)
  const createdAt = sql`${sql.lit(Date.UTC(2026, 0, 1))} + n`
  const filled = [
    ['@id', id],
    ['@provider', name('provider-task-')],
    ['@owner', owner],
    ['@audio', name('audio-')],
  ] as const
  const task = filled.reduce(
    (text, [from, to]) => sql`replace(${text}, ${sql.lit(from)}, ${to})`,
    sql`${sql.lit(document)}`,
  )
  for (let from = 0; from < tasks; from += rowsAtATime) {
    const to = Math.min(from + rowsAtATime, tasks) - 1
    const numbers = isSqlite
      ? sql`with recursive numbers (n) as (select ${sql.lit(from)} union all select n + 1 from numbers where n < ${sql.lit(to)})`
      : sql`with numbers as (select n from generate_series(${sql.lit(from)}, ${sql.lit(to)}) as n)`
    await sql`
      insert into tasks (id, owner, provider, provider_task_id, type, status, charge, music_task_id, audio_id, created_at, revision,
        due_at, changed_at, task)
      ${numbers}
      select ${id}, ${owner}, ${sql.lit(row.provider)}, ${name('provider-task-')}, ${sql.lit(row.type)}, ${sql.lit(row.status)},
        ${sql.lit(row.charge)}, ${name('music-', sql`n / 4`)}, ${name('audio-')}, ${createdAt}, 1, null, ${createdAt}, ${task}
      from numbers`.execute(db)
    await sql`
      insert into keys (owner, key, fingerprint, task_id, created_at, confirmed)
      ${numbers}
      select ${owner}, ${name('0b5f2d0c-8a5e-4e0b-9d53-')}, ${sql.lit('a'.repeat(43))}, ${id}, ${createdAt}, 1 from numbers`.execute(
      db,
    )
  }
}

async function measureDuring(store: Store, work: () => Promise<unknown>): Promise<Measured> {
  const took: Record<keyof Measured, number[]> = { order: [], read: [], loop: [] }
  let isOver = false
  const repeat = async (list: number[], run: () => Promise<unknown>) => {
    while (!isOver) {
      const startedAt = performance.now()
      await run()
      list.push(performance.now() - startedAt)
      await sleep(everyMs)
    }
  }
  const watchLoop = async () => {
    while (!isOver) {
      const startedAt = performance.now()
      await sleep(5)
      took.loop.push(Math.max(0, performance.now() - startedAt - 5))
    }
  }
  let last = ''
  const order = () => {
    const task = pendingTask({ owner: 'key:1', audioId: newTaskId(), providerTaskId: null, charge: 'MAYBE' })
    last = task.id
    const key = { owner: task.owner, key: task.id, fingerprint: 'f' }
    return store.createOrder({ task, key, dueAtMs: Date.now() + dayMs, canJoin: () => true, isAdmitted: true })
  }
  const measuring = [repeat(took.order, order), repeat(took.read, () => store.find([last])), watchLoop()]
  try {
    await work()
  } finally {
    isOver = true
    await Promise.all(measuring)
  }
  return { order: latencyOf(took.order), read: latencyOf(took.read), loop: latencyOf(took.loop) }
}

async function tombstoneBytes(kind: string, db: Kysely<Database>, tasks: number): Promise<number | null> {
  const size =
    kind === 'postgres'
      ? sql<{ size: number }>`select pg_total_relation_size('tombstones') as size`
      : sql<{ size: number }>`select sum(pgsize) as size from dbstat where name = 'tombstones'`
  const { rows } = await size.execute(db).catch(() => ({ rows: [] }))
  const bytes = rows[0]?.size ?? 0
  return bytes === 0 ? null : bytes / tasks
}
