import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isWritable, nearestFolder } from '../runtime/writable.ts'
import { describeError } from '../runtime/describe-error.ts'
import type { DatabaseAddress } from './database/database-url.ts'
import { compareMigrations } from './migrations/compare-migrations.ts'
import type { DatabaseInspection } from './database-inspection.ts'

const nothing = { problem: null, isNew: false, skewMs: null, pending: [], newer: [], incompatible: [] }

/** Looks at a database that gateways may be using. Writes nothing, and creates no file. Never rejects. */
export async function inspectDatabase(database: DatabaseAddress): Promise<DatabaseInspection> {
  try {
    if (database.kind === 'sqlite') return await inspectFile(database.path)
    const { inspectPostgres } = await import('./postgres/inspect-postgres.ts')
    return await inspectPostgres(database.url)
  } catch (error) {
    return { ...nothing, problem: `cannot be used: ${describeError(error)}` }
  }
}

async function inspectFile(path: string): Promise<DatabaseInspection> {
  const file = await stat(path).catch(() => null)
  if (file === null) {
    const folder = await nearestFolder(dirname(resolve(path)))
    const problem = (await isWritable(folder)) ? null : `cannot be created: this user may not write in ${folder}`
    return { ...nothing, isNew: true, problem }
  }
  if (!file.isFile()) return { ...nothing, problem: 'is not a file' }
  // SQLite writes beside the file, too.
  if (!(await isWritable(path))) return { ...nothing, problem: 'cannot be written by this user' }
  if (!(await isWritable(dirname(path))))
    return { ...nothing, problem: 'is in a folder that this user may not write in' }
  const { appliedToFile } = await import('./sqlite/inspect-sqlite.ts')
  const applied = appliedToFile(path)
  return { ...nothing, isNew: applied.length === 0, ...compareMigrations(applied) }
}
