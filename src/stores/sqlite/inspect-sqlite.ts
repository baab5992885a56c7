import { DatabaseSync } from '@photostructure/sqlite'

/** How long to wait for the lock of a gateway, in milliseconds. */
const lockTimeoutMs = 3_000

/** The migrations that were applied to an SQLite file, in order. Throws if it is not an SQLite file. */
export function appliedToFile(path: string): readonly string[] {
  const database = new DatabaseSync(path, { readOnly: true, timeout: lockTimeoutMs })
  try {
    const isUsed = database.prepare("select 1 from sqlite_master where name = 'kysely_migration'").get() !== undefined
    return isUsed
      ? database
          .prepare('select name from kysely_migration order by name')
          .all()
          .map(({ name }) => String(name))
      : []
  } finally {
    database.close()
  }
}
