import type { Kysely, Transaction } from 'kysely'
import { readCallbacks, readKeys, readTasks, writeCallbacks, writeKeys, writeTasks } from './copy-page.ts'
import { compareCallbacks, compareKeys, compareTasks, type ComparedRow, type RowDiff } from './compare-page.ts'
import type { OpenDatabase } from './open-database.ts'
import type { Database } from '../stores/schema.ts'

type TableName = keyof Database

export interface CopyOptions {
  readonly source: OpenDatabase
  readonly target: OpenDatabase
  /** How many rows are written in one transaction. */
  readonly pageSize?: number
  /** Leaves the target its own secrets although they are not the source's. */
  readonly keepsTargetSecrets?: boolean
  readonly onProgress?: (progress: Progress) => void
}

/** How far it is, after each page. */
export interface Progress {
  readonly step: 'copying' | 'comparing'
  readonly table: TableName
  readonly done: number
  readonly of: number
}

export interface TableReport {
  /** How many rows there are at the end. */
  readonly source: number
  readonly target: number
  /** What this run did. */
  readonly copied: number
  readonly updated: number
  readonly skipped: number
}

/** Where the two differ after all. */
export interface Difference {
  readonly table: TableName
  readonly diff: Exclude<RowDiff, 'there'>
  readonly count: number
  /** The first ones. */
  readonly examples: readonly { readonly taskId: string; readonly otherTaskId: string | null }[]
}

export interface CopyReport {
  readonly tables: Readonly<Record<TableName, TableReport>>
  /** The names of secrets of the target's that gave way to the source's. */
  readonly replacedSecrets: readonly string[]
  /** The names of secrets that are not the source's. */
  readonly keptSecrets: readonly string[]
  readonly differences: readonly Difference[]
  /** Somebody has written to the source meanwhile. */
  readonly sourceChanged: boolean
  /** The target holds all that the source holds, or a later state of it. */
  readonly isComplete: boolean
}

/** No gateway has ever used the source. */
export class UnusedSourceError extends Error {
  override readonly name = 'UnusedSourceError'
}

/** The target has tasks, and secrets of its own that these may need. Nothing was copied. */
export class SecretsDifferError extends Error {
  override readonly name = 'SecretsDifferError'
  readonly secrets: readonly string[]
  constructor(secrets: readonly string[]) {
    super(`The target has other secrets than the source: ${secrets.join(', ')}.`)
    this.secrets = secrets
  }
}

const defaultPageSize = 500
const maxExamples = 10
/** It names what gateways share over Redis: no task needs it to be one and not another. */
const deploymentSecret = 'deployment'

/**
 * Copies all that the source holds, and compares the two afterwards. The target loses nothing but secrets that nothing
 * needs. It may be stopped at any moment: a later run passes over what is there. Throws UnusedSourceError,
 * SecretsDifferError, StoreUnavailableError.
 */
export async function copyStore(options: CopyOptions): Promise<CopyReport> {
  const { source, target } = options
  const before = await source.attempt(() => measure(source.db))
  if (before.tasks === 0 && before.secrets === 0) throw new UnusedSourceError('No gateway has ever used the source.')

  // They come first: a target that holds a task holds the right ones.
  const secrets = await copySecrets(options)
  const counts = { tasks: createTally(), keys: createTally(), callbacks: createTally() }
  const differences = new Map<string, Difference>()

  async function walk(step: Progress['step']): Promise<void> {
    // In this order: keys and callbacks refer to tasks.
    await walkTable('tasks', readTasks, compareTasks, writeTasks)
    await walkTable('keys', readKeys, compareKeys, writeKeys)
    await walkTable('callbacks', readCallbacks, compareCallbacks, writeCallbacks)

    async function walkTable<Row>(
      table: 'tasks' | 'keys' | 'callbacks',
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
        options.onProgress?.({ step, table, done, of: Math.max(done, before[table]) })
      }
    }
  }
  await walk('copying')
  await walk('comparing')

  const after = await source.attempt(() => measure(source.db))
  const there = await target.attempt(() => measure(target.db))
  const found = [...differences.values()]
  const sourceChanged =
    JSON.stringify(before) !== JSON.stringify(after) || found.some(({ diff }) => diff === 'new' || diff === 'behind')
  const report = (table: TableName, tally: Tally) => ({ source: after[table], target: there[table], ...tally })
  return {
    tables: {
      tasks: report('tasks', counts.tasks.sum()),
      keys: report('keys', counts.keys.sum()),
      callbacks: report('callbacks', counts.callbacks.sum()),
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

/** How much there is, and how far the tasks have come. */
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
    secrets: await count('secrets'),
    revisions,
  }
}

async function copySecrets({ source, target, keepsTargetSecrets = false }: CopyOptions) {
  const wanted = await source.attempt(() => source.db.selectFrom('secrets').selectAll().execute())
  return target.attempt(() =>
    target.db.transaction().execute(async (trx) => {
      const own = new Map(
        (await trx.selectFrom('secrets').selectAll().execute()).map((each) => [each.name, each.value]),
      )
      const missing = wanted.filter(({ name }) => !own.has(name))
      const differing = wanted.filter(({ name, value }) => own.has(name) && own.get(name) !== value)
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
          skipped: wanted.length - missing.length - replaced.length,
        },
      }
    }),
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
      skipped: count('there', 'ahead', 'diverged', 'taken', 'orphan'),
    }),
  }
}

function addDifferences(
  differences: Map<string, Difference>,
  table: TableName,
  compared: readonly ComparedRow<unknown>[],
): void {
  for (const { diff, taskId, otherTaskId } of compared) {
    if (diff === 'there') continue
    const name = `${table} ${diff}`
    const { count, examples } = differences.get(name) ?? { count: 0, examples: [] }
    const more = examples.length < maxExamples ? [...examples, { taskId, otherTaskId }] : examples
    differences.set(name, { table, diff, count: count + 1, examples: more })
  }
}
