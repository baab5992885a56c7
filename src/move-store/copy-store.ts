import type { Kysely, Transaction } from 'kysely'
import {
  readCallbacks,
  readKeys,
  readTasks,
  readTombstones,
  writeCallbacks,
  writeKeys,
  writeTasks,
  writeTombstones,
} from './copy-page.ts'
import { copyWebhooks } from './copy-webhooks.ts'
import {
  compareCallbacks,
  compareKeys,
  compareTasks,
  compareTombstones,
  type ComparedRow,
  type RowDiff,
} from './compare-page.ts'
import type { OpenDatabase } from './open-database.ts'
import type { Database } from '../stores/database/tables.ts'

/**
 * What is copied and compared. Webhooks and pauses of providers are copied apart: see `copyWebhooks` and `copyPauses`. Nothing
 * else is: the target's gateways gather the facts of stem files, count the budgets, note who calls and take leases again, and the
 * work of the archive follows from what the tasks say is archived.
 */
type TableName = 'tasks' | 'keys' | 'callbacks' | 'tombstones' | 'secrets'

export interface CopyOptions {
  readonly source: OpenDatabase
  readonly target: OpenDatabase
  /** The number of rows per transaction. */
  readonly pageSize?: number
  /** Keeps the target's secrets even if they differ from the source's. */
  readonly keepsTargetSecrets?: boolean
  readonly onProgress?: (progress: Progress) => void
}

/** The progress after each page. */
export interface Progress {
  readonly step: 'copying' | 'comparing'
  readonly table: TableName
  readonly done: number
  readonly total: number
}

export interface TableReport {
  /** The number of rows at the end. */
  readonly source: number
  readonly target: number
  /** The number of rows that this run inserted, updated and skipped. */
  readonly copied: number
  readonly updated: number
  readonly skipped: number
}

/** A difference that remains after copying. */
export interface Difference {
  readonly table: TableName
  readonly diff: Exclude<RowDiff, 'same'>
  readonly count: number
  /** The first of them. */
  readonly examples: readonly { readonly taskId: string; readonly otherTaskId: string | null }[]
}

export interface CopyReport {
  readonly tables: Readonly<Record<TableName, TableReport>>
  /** The names of the target's secrets that were replaced by the source's. */
  readonly replacedSecrets: readonly string[]
  /** The names of the target's secrets that were kept although they differ from the source's. */
  readonly keptSecrets: readonly string[]
  readonly differences: readonly Difference[]
  /** The source changed during the run. */
  readonly sourceChanged: boolean
  /** The target contains everything in the source, or a newer state of it. */
  readonly isComplete: boolean
}

/** The source is empty: no gateway has used it. */
export class UnusedSourceError extends Error {
  override readonly name = 'UnusedSourceError'
}

/** The target has tasks, and other secrets than the source that these tasks may need. Nothing was copied. */
export class SecretsDifferError extends Error {
  override readonly name = 'SecretsDifferError'
  readonly secrets: readonly string[]
  constructor(secrets: readonly string[]) {
    super(`The secrets of the target differ from the source's: ${secrets.join(', ')}.`)
    this.secrets = secrets
  }
}

const defaultPageSize = 500
const maxExamples = 10
/** The prefix of the gateways' names on Redis. No task depends on its value. */
const deploymentSecret = 'deployment'

/**
 * Copies everything in the source and then compares both databases. In the target it overwrites only older rows and
 * unused secrets. It can be interrupted at any time: the next run skips the rows that are copied. Throws
 * UnusedSourceError, SecretsDifferError, StoreUnavailableError.
 */
export async function copyStore(options: CopyOptions): Promise<CopyReport> {
  const { source, target } = options
  const before = await source.attempt(() => measure(source.db))
  if (before.tasks === 0 && before.secrets === 0) throw new UnusedSourceError('No gateway has used the source.')

  // Secrets first: a target that has tasks then has the secrets that they need.
  const secrets = await copySecrets(options)
  await copyPauses(options)
  const counts = {
    tasks: createTally(),
    keys: createTally(),
    callbacks: createTally(),
    tombstones: createTally(),
  }
  const differences = new Map<string, Difference>()

  async function run(step: Progress['step']): Promise<void> {
    // Tasks first: keys and callbacks refer to them.
    await runTable('tasks', readTasks, compareTasks, writeTasks)
    await runTable('keys', readKeys, compareKeys, writeKeys)
    await runTable('callbacks', readCallbacks, compareCallbacks, writeCallbacks)
    await runTable('tombstones', readTombstones, compareTombstones, writeTombstones)

    async function runTable<Row>(
      table: Exclude<TableName, 'secrets'>,
      read: ReadPage<Row>,
      compare: (db: Kysely<Database>, page: readonly Row[]) => Promise<ComparedRow<Row>[]>,
      write: (trx: Transaction<Database>, compared: readonly ComparedRow<Row>[]) => Promise<void>,
    ): Promise<void> {
      let done = 0
      for await (const page of pagesOf(options, read)) {
        if (step === 'copying') {
          const compared = await target.attempt(() =>
            target.db.transaction().execute(async (trx) => {
              const rows = await compare(trx, page)
              await write(trx, rows)
              return rows
            }),
          )
          counts[table].add(compared)
        } else {
          addDifferences(differences, table, await target.attempt(() => compare(target.db, page)))
        }
        done += page.length
        options.onProgress?.({ step, table, done, total: Math.max(done, before[table]) })
      }
    }
  }
  // Before the tasks: gateways on the target then tell each task that they settle.
  await copyWebhooks({ source, target, pageSize: options.pageSize ?? defaultPageSize })
  await run('copying')
  await run('comparing')

  const after = await source.attempt(() => measure(source.db))
  const targetCounts = await target.attempt(() => measure(target.db))
  const found = [...differences.values()]
  const sourceChanged =
    JSON.stringify(before) !== JSON.stringify(after) || found.some(({ diff }) => diff === 'new' || diff === 'behind')
  const report = (table: TableName, tally: Tally) => ({ source: after[table], target: targetCounts[table], ...tally })
  return {
    tables: {
      tasks: report('tasks', counts.tasks.sum()),
      keys: report('keys', counts.keys.sum()),
      callbacks: report('callbacks', counts.callbacks.sum()),
      tombstones: report('tombstones', counts.tombstones.sum()),
      secrets: report('secrets', secrets.tally),
    },
    replacedSecrets: secrets.replaced,
    keptSecrets: secrets.kept,
    differences: found,
    sourceChanged,
    isComplete: !sourceChanged && found.every(({ diff }) => diff === 'ahead'),
  }
}

type Tally = Pick<TableReport, 'copied' | 'updated' | 'skipped'>
type ReadPage<Row> = (db: Kysely<Database>, after: Row | null, limit: number) => Promise<readonly Row[]>

/** The number of rows of each table, and the sum of the tasks' revisions, which changes with every task. */
async function measure(db: Kysely<Database>) {
  const count = async (table: TableName) => {
    const { rows } = await db
      .selectFrom(table)
      .select((eb) => eb.fn.countAll<number>().as('rows'))
      .executeTakeFirstOrThrow()
    return rows
  }
  const { revisions } = await db
    .selectFrom('tasks')
    .select((eb) => eb.fn.sum<number | null>('revision').as('revisions'))
    .executeTakeFirstOrThrow()
  return {
    tasks: await count('tasks'),
    keys: await count('keys'),
    callbacks: await count('callbacks'),
    tombstones: await count('tombstones'),
    secrets: await count('secrets'),
    revisions,
  }
}

async function copySecrets({ source, target, keepsTargetSecrets = false }: CopyOptions) {
  const sourceSecrets = await source.attempt(() => source.db.selectFrom('secrets').selectAll().execute())
  return target.attempt(() =>
    target.db.transaction().execute(async (trx) => {
      const targetSecrets = new Map(
        (await trx.selectFrom('secrets').selectAll().execute()).map((each) => [each.name, each.value]),
      )
      const missing = sourceSecrets.filter(({ name }) => !targetSecrets.has(name))
      const differing = sourceSecrets.filter(
        ({ name, value }) => targetSecrets.has(name) && targetSecrets.get(name) !== value,
      )
      const isInUse = (await trx.selectFrom('tasks').select('id').limit(1).executeTakeFirst()) !== undefined
      const needed = differing.map(({ name }) => name).filter((name) => name !== deploymentSecret)
      if (isInUse && !keepsTargetSecrets && needed.length > 0) throw new SecretsDifferError(needed)

      const replaced = isInUse || keepsTargetSecrets ? [] : differing
      if (missing.length > 0) await trx.insertInto('secrets').values(missing).execute()
      for (const { name, value } of replaced) {
        await trx.updateTable('secrets').set({ value }).where('name', '=', name).execute()
      }
      return {
        replaced: replaced.map(({ name }) => name),
        kept: replaced.length > 0 ? [] : needed,
        tally: {
          copied: missing.length,
          updated: replaced.length,
          skipped: sourceSecrets.length - missing.length - replaced.length,
        },
      }
    }),
  )
}

/** A provider that is paused stays paused: the target's gateways must not begin to order. */
async function copyPauses({ source, target }: CopyOptions): Promise<void> {
  const pauses = await source.attempt(() => source.db.selectFrom('paused_providers').selectAll().execute())
  if (pauses.length === 0) return
  await target.attempt(() =>
    target.db
      .insertInto('paused_providers')
      .values(pauses)
      .onConflict((conflict) => conflict.column('provider').doNothing())
      .execute(),
  )
}

async function* pagesOf<Row>(
  { source, pageSize = defaultPageSize }: CopyOptions,
  read: ReadPage<Row>,
): AsyncGenerator<readonly Row[]> {
  let last: Row | null = null
  for (;;) {
    const after: Row | null = last
    const page: readonly Row[] = await source.attempt(() => read(source.db, after, pageSize))
    last = page.at(-1) ?? null
    if (last === null) return
    yield page
  }
}

function createTally() {
  const counts = new Map<RowDiff, number>()
  const count = (...rows: RowDiff[]) => rows.reduce((sum, diff) => sum + (counts.get(diff) ?? 0), 0)
  return {
    add(compared: readonly ComparedRow<unknown>[]): void {
      for (const { diff } of compared) counts.set(diff, count(diff) + 1)
    },
    sum: (): Tally => ({
      copied: count('new'),
      updated: count('behind'),
      skipped: count('same', 'ahead', 'diverged', 'conflict', 'orphan'),
    }),
  }
}

function addDifferences(
  differences: Map<string, Difference>,
  table: TableName,
  compared: readonly ComparedRow<unknown>[],
): void {
  for (const { diff, taskId, otherTaskId } of compared) {
    if (diff === 'same') continue
    const name = `${table} ${diff}`
    const { count, examples } = differences.get(name) ?? { count: 0, examples: [] }
    const more = examples.length < maxExamples ? [...examples, { taskId, otherTaskId }] : examples
    differences.set(name, { table, diff, count: count + 1, examples: more })
  }
}
