import { Kysely, sql } from 'kysely'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Store } from '../../src/separation/store/store.ts'
import type { TaskChange } from '../../src/separation/store/change-reader.ts'
import type { Database } from '../../src/stores/database/tables.ts'
import { createPostgresDialect, defaultLimits } from '../../src/stores/postgres/postgres-dialect.ts'
import { openPostgresStore } from '../../src/stores/postgres/postgres-store.ts'
import { createSqliteDialect } from '../../src/stores/sqlite/sqlite-dialect.ts'
import { openSqliteFile } from '../../src/stores/sqlite/sqlite-file.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { newMigratedDatabase } from '../support/database.ts'
import { newDatabaseUrl } from '../support/program.ts'
import { findPostgres } from '../support/services.ts'
import { pendingTask } from '../support/tasks.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const owner = 'anonymous'
const start = { position: 0, id: '' }

/** A store, and another connection to its database. */
interface Opened {
  readonly store: Store
  readonly db: Kysely<Database>
}

const databases: Readonly<Record<string, () => Promise<Opened>>> = {
  async SQLite() {
    const path = (await newDatabaseUrl(onTestFinished)).replace('file:', '')
    const store = await openSqliteStore(path)
    return { store, db: new Kysely<Database>({ dialect: createSqliteDialect(openSqliteFile(path)) }) }
  },
  ...(postgres === null
    ? {}
    : {
        async PostgreSQL() {
          const url = await newMigratedDatabase()
          const store = await openPostgresStore(url, silentLog)
          return {
            store,
            db: new Kysely<Database>({ dialect: await createPostgresDialect(url, defaultLimits, silentLog) }),
          }
        },
      }),
}

describe.each(Object.entries(databases))('changes of tasks on %s', (name, open) => {
  const onPostgres = name === 'PostgreSQL' ? [name] : []
  let store: Store
  let db: Kysely<Database>
  beforeEach(async () => {
    const opened = await open()
    ;({ store, db } = opened)
    return async () => {
      await opened.db.destroy()
      await opened.store.close()
    }
  })

  const changes = (after = start, limit = 100) => store.changes(owner, { after, limit })
  const idsOf = (found: readonly TaskChange[]) => found.map(({ id, revision }) => `${id} ${revision}`)

  test('are listed in their order, of every kind of write, each task once with its last', async () => {
    const [ordered, adopted, restored] = [pendingTask({ providerTaskId: null }), pendingTask(), pendingTask()]
    const before = Date.now()
    await store.createOrder({ task: ordered, key: null, dueAtMs: 5, canJoin: null, isAdmitted: true })
    await store.adopt(adopted, null)
    await store.restore(restored)
    expect(idsOf(await changes())).toEqual([ordered, adopted, restored].map(({ id }) => `${id} 1`))
    await store.replace({ ...ordered, revision: 2 }, ordered)
    await store.replace({ ...adopted, revision: 2 }, adopted, { leaseUntilMs: 1, dueAtMs: null })
    const found = await changes()
    expect(idsOf(found)).toEqual([`${restored.id} 1`, `${ordered.id} 2`, `${adopted.id} 2`])
    expect(new Set(found.map(({ position }) => position)).size).toBe(3)
    for (const { position } of found) expect(Math.abs(position - before)).toBeLessThan(60_000)
    expect(await store.latestPosition(owner)).toBe(found[2]?.position)
  })

  test('are read page by page, and none of another owner', async () => {
    const tasks = Array.from({ length: 7 }, () => pendingTask())
    for (const task of tasks) await store.adopt(task, null)
    await store.adopt(pendingTask({ owner: 'key:other' }), null)
    const read: TaskChange[] = []
    for (let page = await changes(start, 3); page.length > 0; page = await changes(read.at(-1), 3)) read.push(...page)
    expect(idsOf(read)).toEqual(tasks.map(({ id }) => `${id} 1`))
    expect(await store.latestPosition('key:nobody')).toBe(0)
  })

  test('of the schedule alone, or that were not written, change no position', async () => {
    const task = pendingTask()
    await store.adopt(task, 1)
    const before = await changes()
    await store.leaseDue(task.provider, 10, 20, 5)
    await store.release(task.id, 20, 30)
    expect(await store.replace({ ...task, revision: 5 }, task)).toBe(false)
    await store.adopt(task, null)
    await store.restore(task)
    expect(await changes()).toEqual(before)
  })

  test('follow each other although the clock has jumped back, or the time stands still', async () => {
    const [early, late] = [pendingTask(), pendingTask()]
    await store.adopt(early, null)
    await store.adopt(late, null)
    // As after a change while the clock was a day ahead.
    const tomorrow = Date.now() + 86_400_000
    await db.updateTable('tasks').set({ changed_at: tomorrow }).where('id', '=', late.id).execute()
    await store.replace({ ...early, revision: 2 }, early)
    await store.replace({ ...late, revision: 2 }, late)
    await store.replace({ ...early, revision: 3 }, { ...early, revision: 2 })
    const found = await changes({ position: tomorrow, id: '' })
    expect(idsOf(found)).toEqual([`${late.id} 2`, `${early.id} 3`])
    expect(found.map(({ position }) => position - tomorrow)).toEqual([2, 3])
  })

  test('by an older gateway, which knows no positions, get one', async () => {
    const task = pendingTask()
    await store.adopt(task, null)
    const [first] = await changes()
    const { revision } = task
    await db
      .updateTable('tasks')
      .set({ revision: revision + 1 })
      .where('id', '=', task.id)
      .execute()
    const [second] = await changes()
    expect(second?.position).toBeGreaterThan(first?.position ?? Infinity)
    expect(second?.revision).toBe(2)
  })

  test('that were copied from another database keep their positions', async () => {
    const task = pendingTask()
    await store.adopt(task, null)
    const [row] = await db.selectFrom('tasks').selectAll().execute()
    if (row === undefined) throw new Error('There is no task.')
    await db
      .insertInto('tasks')
      .values({ ...row, id: 'copy', provider_task_id: 'copy', changed_at: 7 })
      .execute()
    expect(await changes(start, 1)).toEqual([{ id: 'copy', revision: 1, position: 7 }])
  })

  // SQLite has one writer at a time, and no search path.
  test.each(onPostgres)('that are committed late on %s are never before what was visible when they began', async () => {
    const [slow, quick] = [pendingTask(), pendingTask()]
    await store.adopt(slow, null)
    await store.adopt(quick, null)
    const visible = await store.latestPosition(owner)
    await db.transaction().execute(async (trx) => {
      await trx.updateTable('tasks').set({ revision: 2 }).where('id', '=', slow.id).execute()
      await store.replace({ ...quick, revision: 2 }, quick)
      expect(idsOf(await changes({ position: visible, id: '~' }))).toEqual([`${quick.id} 2`])
    })
    const found = await changes({ position: visible, id: '~' })
    expect(idsOf(found).toSorted()).toEqual([`${quick.id} 2`, `${slow.id} 2`].toSorted())
  })

  test.each(onPostgres)(
    'are positioned with an empty search path of %s too, as when a backup is restored',
    async () => {
      await db.connection().execute(async (connection) => {
        await sql`set search_path = ''`.execute(connection)
        await sql`insert into public.tasks (id, owner, provider, status, charge, created_at, revision, task)
        values ('some', ${owner}, 'kie', 'PENDING', 'NONE', 1, 1, '{}')`.execute(connection)
        await sql`reset search_path`.execute(connection)
      })
      expect(idsOf(await changes())).toEqual(['some 1'])
    },
  )
})
