import { readSecretFile } from '../../runtime/secret-file.ts'
import { UsageError } from '../../runtime/usage-error.ts'
import { parseDatabaseUrl, type DatabaseAddress } from './database-url.ts'

/** The variables that name the database. */
export interface DatabaseVariables {
  readonly DATABASE_URL?: string | undefined
  readonly DATABASE_URL_FILE?: string | undefined
}

/** The URL of the gateways' database, as they find it. Throws UsageError if its file cannot be used. */
export async function readDatabaseUrl({
  DATABASE_URL: url,
  DATABASE_URL_FILE: path,
}: DatabaseVariables): Promise<string> {
  const isInFile = Boolean(path?.trim())
  if (url?.trim()) {
    if (isInFile) throw new UsageError('DATABASE_URL and DATABASE_URL_FILE are both set: remove one of them.')
    return url.trim()
  }
  if (!isInFile) return 'file:data/stemgate.db'
  const file = await readSecretFile(path?.trim() ?? '')
  if (file.kind === 'unusable') throw new UsageError(`DATABASE_URL_FILE ${file.problem}.`)
  return file.value
}

/** The gateways' database. Throws UsageError. */
export async function readDatabaseAddress(variables: DatabaseVariables): Promise<DatabaseAddress> {
  const address = parseDatabaseUrl(await readDatabaseUrl(variables))
  if (address === null) throw new UsageError('DATABASE_URL must be file:<path> or postgres://<…>.')
  return address
}
