import { DatabaseSync } from '@photostructure/sqlite'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'

const postgres = await findPostgres()

/** Applies a migration that this version does not know, as a newer version does. */
async function applyNewerMigration(url: string, name: string, sql: string): Promise<void> {
  const recordMigration = `insert into kysely_migration (name, timestamp) values ('${name}', '2030-01-01')`
  if (url.startsWith('file:')) {
    const file = new DatabaseSync(url.replace('file:', ''))
    file.exec(`${sql}; ${recordMigration}`)
    file.close()
    return
  }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`${sql}; ${recordMigration}`)
  await client.end()
}

async function createDatabase(url: string): Promise<void> {
  const program = startProgram({ DATABASE_URL: url, SANDBOX: 'true' })
  await program.url
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
}

const databases = [
  ['SQLite', () => newDatabaseUrl()],
  ...(postgres === null ? [] : [['PostgreSQL', () => newPostgresDatabase()] as const]),
] as const

describe.each(databases)('a start on %s that a newer version has migrated', (_name, newUrl) => {
  test('is refused with an explanation if the migration is not marked as compatible', async () => {
    const url = await newUrl()
    await createDatabase(url)
    await applyNewerMigration(url, '9999-later', 'alter table tasks add column later text')
    const program = startProgram({ DATABASE_URL: url, SANDBOX: 'true' })
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toMatch(
      /^Stemgate could not start: The database was written by a newer version of Stemgate\. .*\(9999-later\).* Start the newer version, or restore a backup/m,
    )
    expect(program.stderr()).not.toMatch(/corrupted/)
  })

  test('succeeds with a warning if the migration is marked as compatible', async () => {
    const url = await newUrl()
    await createDatabase(url)
    await applyNewerMigration(url, '9999-later.compatible', "alter table tasks add column later text default 'x'")
    for (let start = 0; start < 2; start++) {
      const program = startProgram({ DATABASE_URL: url, SANDBOX: 'true' })
      const response = await fetch(`${await program.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          query: `mutation { separate(input: { musicTaskId: "m", audioId: "silent-${start}" }) { __typename } }`,
        }),
      })
      expect(await response.json()).toEqual({ data: { separate: { __typename: 'SeparateSuccess' } } })
      program.signal('SIGTERM')
      expect(await program.exit).toBe(0)
      expect(program.stderr()).toMatch(/"level":40.*9999-later\.compatible.*written by a newer version/)
    }
  })
})
