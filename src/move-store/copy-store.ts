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
import {
  addDifferences,
  createTally,
  type CopyReport,
  type Difference,
  type TableName,
  type Tally,
} from './copy-report.ts'
import { copySecrets, type CopySecretsOptions } from './copy-secrets.ts'
import { copyBudgetWarnings, copyWebhooks } from './copy-webhooks.ts'
import { compareCallbacks, compareKeys, compareTasks, compareTombstones, type ComparedRow } from './compare-page.ts'
import type { Database } from '../stores/database/tables.ts'

export interface CopyOptions extends CopySecretsOptions {
  /** The number of rows per transaction. */
  readonly pageSize?: number
  readonly onProgress?: (progress: Progress) => void
}

/** The progress after each page. */
export interface Progress {
  readonly step: 'copying' | 'comparing'
  readonly table: TableName
  readonly done: number
  readonly total: number
}

/** The source is empty: no gateway has used it. */
export class UnusedSourceError extends Error {
  override readonly name = 'UnusedSourceError'
}

const defaultPageSize = 500

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
  const webhooks = { source, target, pageSize: options.pageSize ?? defaultPageSize }
  await copyWebhooks(webhooks)
  await run('copying')
  await copyBudgetWarnings(webhooks)
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
