import { DatabaseSync } from '@photostructure/sqlite'
import { Kysely, sql, type CompiledQuery, type Dialect } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { providerNames } from '../../src/separation/task/provider-name.ts'
import { separationTypes } from '../../src/separation/task/separation-type.ts'
import { statusOf } from '../../src/separation/task/task-status.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { runJob } from '../../src/stores/database/job.ts'
import { migrate } from '../../src/stores/migrations/migrate.ts'
import { latestPosition, listChanges } from '../../src/stores/read/list-changes.ts'
import { countTasks } from '../../src/stores/read/count-tasks.ts'
import { listAllTasks } from '../../src/stores/operator/list-all-tasks.ts'
import { listTasks } from '../../src/stores/read/list-tasks.ts'
import { createBudgetJobs } from '../../src/stores/order/budgets.ts'
import { createWebhookJobs } from '../../src/stores/webhooks/webhook-jobs.ts'
import { createTombstoneJobs } from '../../src/stores/purge/tombstones.ts'
import { createOrderJobs } from '../../src/stores/order/create-order.ts'
import { createPostgresDialect, defaultLimits } from '../../src/stores/postgres/postgres-dialect.ts'
import type { Database } from '../../src/stores/database/tables.ts'
import { createSqliteDialect } from '../../src/stores/sqlite/sqlite-dialect.ts'
import { openSqliteFile } from '../../src/stores/sqlite/sqlite-file.ts'
import { TooManyMatchesError } from '../../src/separation/errors.ts'
import { parseStoredTask } from '../../src/stores/task/stored-task.ts'
import type { Ending } from '../support/gateway.ts'
import { newDatabaseUrl } from '../support/program.ts'
import { insertTasks } from '../support/insert-tasks.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'
import type { OperatorFilter } from '../../src/separation/store/operator-store.ts'
import type { TaskFilter, TaskPage } from '../../src/separation/store/task-reader.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const someTime = 1_700_000_000_000
const count = 5_000
const owner = 'key:web'
const limit = 11

/** All tasks are of one track, so that no filter is selective. Each task is one second newer than the previous one. */
function taskOf(index: number): Task {
  const order = {
    owner,
    musicTaskId: 'music',
    audioId: 'audio',
    reference: `user-${index % 10}/song`,
    createdAtMs: someTime + index * 1_000,
    type: separationTypes[index % 2] ?? null,
    provider: providerNames[index % 3] ?? 'kie',
  }
  const kind = index % 7
  if (kind === 0) return pendingTask({ ...order, charge: index % 2 === 0 ? 'MAYBE' : 'CHARGED' })
  if (kind < 4) return succeededTask({ ...order })
  // The rarest tasks are the oldest, so a scan from the newest would find them last.
  const code = index < 20 ? 'NO_RESULT' : kind === 4 ? 'SUBMISSION_REFUSED' : 'GENERATION_FAILED'
  const { failure } = failedTask()
  return failedTask({
    ...order,
    charge: code === 'SUBMISSION_REFUSED' ? 'NONE' : 'CHARGED',
    failure: { ...failure, code },
  })
}

const filters: readonly TaskFilter[] = [
  { status: ['GENERATE_AUDIO_FAILED', 'CREATE_TASK_FAILED'] },
  { type: 'split_stem' },
  { provider: 'apikley' },
  { audioId: 'audio' },
  { musicTaskId: 'music' },
  { settled: true },
  { charge: ['CHARGED'] },
  { failureCode: ['NO_RESULT'] },
  { createdAfterMs: someTime + 500_000 },
  { createdBeforeMs: someTime + 4_750_000 },
]
const combinations = Array.from({ length: 2 ** filters.length }, (_, bits): TaskFilter =>
  Object.assign({}, ...filters.filter((_each, index) => (bits & (1 << index)) !== 0)),
)
/** A cursor between two tasks. */
const middle = { createdAtMs: someTime + 2_500_500, id: newTaskId() }
const ranges = [
  {},
  { after: middle },
  { before: middle },
  { after: middle, before: { ...middle, createdAtMs: someTime + 500 } },
]
/** Each combination once, with varying direction and range. */
const pages = combinations.map((where, index): TaskPage => {
  const variant = Math.imul(index, 0x9e3779b1) >>> 29
  return { where, limit, inverted: variant < 4, ...ranges[variant % 4] }
})

function matches(task: Task, { where, after, before }: TaskPage): boolean {
  const failure = task.state === 'failed' ? task.failure.code : null
  const status = statusOf(task)
  return (
    (where.status?.includes(status) ?? true) &&
    (where.type ?? task.type) === task.type &&
    (where.provider ?? task.provider) === task.provider &&
    (where.settled ?? status !== 'PENDING') === (status !== 'PENDING') &&
    (where.charge?.includes(task.charge) ?? true) &&
    (where.failureCode?.some((code) => code === failure) ?? true) &&
    task.createdAtMs >= (where.createdAfterMs ?? 0) &&
    task.createdAtMs < (where.createdBeforeMs ?? Infinity) &&
    task.createdAtMs > (before?.createdAtMs ?? 0) &&
    task.createdAtMs < (after?.createdAtMs ?? Infinity)
  )
}

function firstOf(tasks: readonly Task[], page: TaskPage): readonly Task[] {
  const found: Task[] = []
  for (const task of tasks) {
    if (matches(task, page) && found.push(task) === page.limit) break
  }
  return found
}

interface Measured {
  readonly db: Kysely<Database>
  /** Runs the query again and returns how many rows of `tasks` it reads. */
  rowsRead(query: CompiledQuery): Promise<number>
  readonly queries: CompiledQuery[]
  readonly tasks: readonly Task[]
}

async function fill(dialect: Dialect, queries: CompiledQuery[]) {
  const db = new Kysely<Database>({ dialect, log: ({ query }) => void queries.push(query) })
  await migrate(db, { giveUpAfterMs: 0, classify: () => 'fatal' })
  const tasks = Array.from({ length: count }, (_, index) => taskOf(index))
  await insertTasks(db, tasks)
  return { db, tasks }
}

const databases: Readonly<Record<string, (atEnd: Ending) => Promise<Measured>>> = {
  SQLite: async (atEnd) => {
    const path = (await newDatabaseUrl(atEnd)).replace('file:', '')
    const queries: CompiledQuery[] = []
    const { db, tasks } = await fill(createSqliteDialect(openSqliteFile(path)), queries)
    const file = new DatabaseSync(path)
    let reads = 0
    // Called for each row that an index lookup returns.
    file.function('count_read', () => (reads += 1))
    atEnd(async () => {
      file.close()
      await db.destroy()
    })
    return {
      db,
      tasks,
      queries,
      async rowsRead({ sql: text, parameters }) {
        const values = parameters.map((each) => (typeof each === 'number' ? each : String(each)))
        const plan = file.prepare(`explain query plan ${text}`).all(...values)
        expect(
          plan.map(({ detail }) => String(detail)).filter((detail) => /SCAN (t|tasks|found)\b/.test(detail)),
        ).toEqual([])
        reads = 0
        file
          .prepare(
            text
              .replaceAll('"t"."owner" = ?', '$& and count_read() > 0')
              .replaceAll('t.owner = ?', '$& and count_read() > 0')
              .replaceAll("where status = 'PENDING'", '$& and count_read() > 0')
              .replaceAll("where charge = 'MAYBE' and status <> 'PENDING'", '$& and count_read() > 0'),
          )
          .all(...values)
        expect(reads).toBeGreaterThan(0)
        return reads
      },
    }
  },
  ...(postgres === null
    ? {}
    : {
        PostgreSQL: async (atEnd) => {
          const queries: CompiledQuery[] = []
          const url = await newPostgresDatabase(atEnd)
          const { db, tasks } = await fill(
            await createPostgresDialect(url, { ...defaultLimits, statementMs: 0 }, silentLog),
            queries,
          )
          atEnd(() => db.destroy())
          // The server's autovacuum does this when a table has grown.
          await sql`analyze tasks`.execute(db)
          return {
            db,
            tasks,
            queries,
            async rowsRead(query) {
              const explained = { ...query, sql: `explain (analyze, format json) ${query.sql}` }
              const { rows } = await db.executeQuery<Record<string, unknown>>(explained)
              return rowsOfPlan(Object.values(rows[0] ?? {})[0])
            },
          }
        },
      }),
}

/** The rows that the plan's scans of `tasks` returned or filtered out. */
function rowsOfPlan(node: unknown): number {
  if (Array.isArray(node)) return node.reduce((sum: number, each) => sum + rowsOfPlan(each), 0)
  if (typeof node !== 'object' || node === null) return 0
  const plan: Readonly<Record<string, unknown>> = { ...node }
  const number = (name: string) => Number(plan[name] ?? 0)
  const own =
    plan['Relation Name'] === 'tasks' || String(plan['Node Type']).startsWith('Bitmap')
      ? (number('Actual Rows') + number('Rows Removed by Filter') + number('Rows Removed by Index Recheck')) *
        number('Actual Loops')
      : 0
  return own + rowsOfPlan(plan['Plan']) + rowsOfPlan(plan['Plans'])
}

describe.each(Object.entries(databases))('with 5,000 tasks of one caller on %s', (name, open) => {
  const dialect = name === 'SQLite' ? 'sqlite' : 'postgres'
  let measured: Measured
  beforeAll(async () => {
    const endings: (() => unknown)[] = []
    measured = await open((end) => void endings.push(end as () => unknown))
    return async () => {
      for (const end of endings.toReversed()) await end()
    }
  }, 120_000)

  test('a page with any combination of filters is correct and reads a bounded number of rows', async () => {
    const { db, queries, tasks, rowsRead } = measured
    const facets = new Set(tasks.map(facetOf)).size
    const newestFirst = tasks.toReversed()
    // A third of the combinations holds every pair of filters dozens of times.
    for (const page of pages.filter((_page, index) => index % 3 === 0)) {
      queries.length = 0
      const rows = await runJob(listTasks(db, dialect, owner, page), db)
      const expected = firstOf(page.inverted ? tasks : newestFirst, page)
      const shape = JSON.stringify(page)
      const ids = rows.map(({ task }) => parseStoredTask(task).id)
      expect({ shape, ids }).toEqual({ shape, ids: expected.map(({ id }) => id) })
      // Explaining a query adds one to `queries`.
      for (const query of queries.splice(0)) {
        // Per facet a page, the row after it and one seek, and then the page itself.
        const reads = await rowsRead(query)
        if (reads > facets * (limit + 2) + limit + 1) throw new Error(`${shape} reads ${reads} rows.`)
      }
    }
  }, 120_000)

  test('a page by reference with any filter of few values reads a bounded number of rows', async () => {
    const { db, queries, tasks, rowsRead } = measured
    const reference = 'user-7/song'
    const facets = new Set(tasks.map(facetOf)).size
    const few = filters.filter((filter) => !('audioId' in filter || 'musicTaskId' in filter))
    for (const [index, filter] of [{}, ...few].entries()) {
      const page: TaskPage = { where: { ...filter, reference }, limit, inverted: false, ...ranges[index % 4] }
      queries.length = 0
      const rows = await runJob(listTasks(db, dialect, owner, page), db)
      const own = tasks.toReversed().filter((task) => task.reference === reference)
      expect(rows.map(({ task }) => parseStoredTask(task).id)).toEqual(firstOf(own, page).map(({ id }) => id))
      for (const query of queries.splice(0)) {
        expect(await rowsRead(query)).toBeLessThanOrEqual(facets * (limit + 2) + limit + 1)
      }
    }
  })

  test('a count with any combination of filters is right, and reads no more rows than it counts', async () => {
    const { db, queries, tasks, rowsRead } = measured
    const facets = new Set(tasks.map(facetOf)).size
    const references = [{}, { reference: 'user-7/song' }, { referencePrefix: 'user-' }]
    for (const [index, combination] of combinations.filter((_where, nth) => nth % 23 === 0).entries()) {
      const where: TaskFilter = { ...combination, ...references[index % 3] }
      const shape = JSON.stringify(where)
      const matching = tasks.filter(
        (task) =>
          matches(task, { where, limit, inverted: false }) &&
          (where.reference ?? task.reference) === task.reference &&
          task.reference?.startsWith(where.referencePrefix ?? ''),
      ).length
      // These are in the order of references: a filter may leave out any of them.
      const isInOrder =
        where.referencePrefix !== undefined || ('reference' in where && /audioId|musicTaskId/.test(shape))
      for (const most of [count, 50]) {
        queries.length = 0
        const counted = await runJob(countTasks(db, dialect, owner, where, most), db)
        expect({ shape, counted }).toEqual({ shape, counted: Math.min(most, matching) })
        for (const query of queries.splice(0)) {
          const reads = await rowsRead(query)
          const bound = isInOrder ? count : counted + 2 * facets + 1
          if (reads > bound) throw new Error(`A count of ${counted} by ${shape} reads ${reads} rows.`)
        }
      }
    }
  }, 120_000)

  test('a page by prefix reads the tasks that it matches, and no others', async () => {
    const { db, queries, tasks, rowsRead } = measured
    const prefix = 'user-7/'
    const matching = tasks.toReversed().filter((task) => task.reference?.startsWith(prefix))
    for (const where of [{}, { settled: false }, { audioId: 'audio' }]) {
      const page: TaskPage = { where: { ...where, referencePrefix: prefix }, limit, inverted: false }
      queries.length = 0
      const rows = await runJob(listTasks(db, dialect, owner, page), db)
      expect(rows.map(({ task }) => parseStoredTask(task).id)).toEqual(firstOf(matching, page).map(({ id }) => id))
      for (const query of queries.splice(0))
        expect(await rowsRead(query)).toBeLessThanOrEqual(2 * matching.length + limit)
    }
  })

  test('a prefix that matches more than 10,000 tasks is refused after reading that many', async () => {
    const { db } = measured
    const [some] = measured.tasks
    if (some === undefined) throw new Error('There is no task.')
    const crowd = Array.from({ length: 10_001 }, () => pendingTask({ owner, reference: 'crowd/1' }))
    await insertTasks(db, crowd)
    const page = { where: { referencePrefix: 'crowd/' }, limit, inverted: false }
    await expect(runJob(listTasks(db, dialect, owner, page), db)).rejects.toThrow(TooManyMatchesError)
    await db.deleteFrom('tasks').where('reference', '=', 'crowd/1').execute()
  }, 60_000)

  test("the operator's lists of pending and of uncertain tasks read no other tasks", async () => {
    const { db, queries, tasks, rowsRead } = measured
    const { failure } = failedTask()
    const uncertain = Array.from({ length: 3 }, (_, index) =>
      failedTask({
        charge: 'MAYBE',
        createdAtMs: someTime + index,
        failure: { ...failure, code: 'SUBMISSION_UNCONFIRMED' },
      }),
    )
    const few = Array.from({ length: 3 }, () => pendingTask({ provider: 'sandbox', charge: 'CHARGED' }))
    const queued = Array.from({ length: 3 }, () => pendingTask({ charge: 'NONE', providerTaskId: null }))
    await insertTasks(db, [...uncertain, ...few, ...queued])
    const waiting = [...uncertain, ...tasks].filter(({ state, charge }) => state === 'pending' || charge === 'MAYBE')
    const list = async (where: OperatorFilter) => {
      queries.length = 0
      const { tasks: found } = await runJob(listAllTasks(db, dialect, { where, limit: count }), db)
      let reads = 0
      for (const query of queries.splice(0)) reads += await rowsRead(query)
      return { ids: found.map(({ id }) => id).toSorted(), reads }
    }
    const idsOf = (some: readonly Task[]) => some.map(({ id }) => id).toSorted()
    const pending = waiting.filter(({ state }) => state === 'pending')
    for (const [where, expected] of [
      [{ charge: 'MAYBE', status: ['CREATE_TASK_FAILED'] }, uncertain],
      [{ charge: 'MAYBE' }, waiting.filter(({ charge }) => charge === 'MAYBE')],
      // Few, as in practice: PostgreSQL reads the table itself for a list that is a large part of it.
      [{ status: ['PENDING'], provider: 'sandbox' }, few],
      [{ status: ['PENDING'], charge: 'NONE' }, queued],
    ] as const) {
      const { ids, reads } = await list(where)
      expect(ids).toEqual(idsOf(expected))
      // PostgreSQL may read the index first, and then its rows.
      if (reads > 2 * (expected === few ? few.length : pending.length + uncertain.length))
        throw new Error(`${JSON.stringify(where)} reads ${reads} rows.`)
    }
    await db
      .deleteFrom('tasks')
      .where('id', 'in', idsOf([...uncertain, ...few]))
      .execute()
  })

  test('the changes after a position, and the newest position, take as many rows as they return', async () => {
    const { db, queries, tasks, rowsRead } = measured
    const all = await runJob(listChanges(db, owner, { after: { position: 0, id: '' }, limit: count + 1 }), db)
    expect(all.map(({ id }) => id).toSorted()).toEqual(tasks.map(({ id }) => id).toSorted())
    for (const after of [{ position: 0, id: '' }, all[2_500], all.at(-3), all.at(-1)].filter(
      (each) => each !== undefined,
    )) {
      queries.length = 0
      const found = await runJob(listChanges(db, owner, { after, limit }), db)
      const from = all.findIndex(({ id }) => id === ('revision' in after ? after.id : null)) + 1
      expect(found).toEqual(all.slice(from, from + limit))
      for (const query of queries.splice(0)) expect(await rowsRead(query)).toBeLessThanOrEqual(limit + 1)
    }
    queries.length = 0
    expect(await runJob(latestPosition(db, owner), db)).toBe(all.at(-1)?.position)
    for (const query of queries.splice(0)) expect(await rowsRead(query)).toBeLessThanOrEqual(2)
  })

  test('an order reads a bounded number of earlier orders for its track', async () => {
    const { db, queries, tasks, rowsRead } = measured
    const task = { ...taskOf(0), id: newTaskId(), createdAtMs: someTime + count * 1_000, charge: 'MAYBE' } as const
    const asked: Task[] = []
    queries.length = 0
    const order = {
      task,
      key: null,
      dueAtMs: 5,
      canJoin: (earlier: Task) => asked.push(earlier) < 0,
      isAdmitted: false,
    }
    const jobs = {
      budgets: createBudgetJobs(db),
      tombstones: createTombstoneJobs(db),
      webhooks: createWebhookJobs(db, dialect === 'postgres'),
    }
    const created = runJob(createOrderJobs(db, { dialect, lockTrack: null, ...jobs }).createOrder(order), db)
    expect(await created).toEqual({ kind: 'not-admitted' })
    const mayJoin = tasks.filter(
      ({ provider, type, charge }) => provider === task.provider && type === task.type && charge !== 'NONE',
    )
    const newest = new Set(mayJoin.toReversed().map(facetOf)).size
    expect(asked[0]).toEqual(mayJoin.at(-1))
    expect(new Set(asked.map(facetOf)).size).toBe(newest)
    expect(asked.length).toBeLessThanOrEqual(newest * 20)
    for (const query of queries.filter(({ sql: text }) => text.includes('facets'))) {
      expect(await rowsRead(query)).toBeLessThan(1_000)
    }
  })
})

function facetOf(task: Task): string {
  const { provider, type, charge } = task
  return JSON.stringify([provider, type, charge, statusOf(task), task.state === 'failed' ? task.failure.code : null])
}
