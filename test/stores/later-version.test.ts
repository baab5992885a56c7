import { DatabaseSync } from '@photostructure/sqlite'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'

const postgres = await findPostgres()

/** A database as a later version leaves it: with a change that this one does not know. */
async function changedBy(url: string, name: string, sql: string): Promise<void> {
  const saveCallback = `insert into kysely_migration (name, timestamp) values ('${name}', '2030-01-01')`
  if (url.startsWith('file:')) {
    const file = new DatabaseSync(url.replace('file:', ''))
    file.exec(`${sql}; ${saveCallback}`)
    file.close()
    return
  }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`${sql}; ${saveCallback}`)
  await client.end()
}

async function stoppedOn(url: string): Promise<void> {
  const program = startProgram({ DATABASE_URL: url, SANDBOX: 'true' })
  await program.url
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
}

const databases = [
  ['SQLite', () => newDatabaseUrl()],
  ...(postgres === null ? [] : [['PostgreSQL', () => newPostgresDatabase()] as const]),
] as const

describe.each(databases)('on %s, after a later version', (_name, newUrl) => {
  test('that changed the tables in a way that is not known to be harmless, the start is refused in plain words', async () => {
    const url = await newUrl()
    await stoppedOn(url)
    await changedBy(url, '9999-later', 'alter table tasks add column later text')
    const program = startProgram({ DATABASE_URL: url, SANDBOX: 'true' })
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toMatch(
      /^Stemgate could not start: The database was written by a later version of Stemgate: it has the changes 9999-later, .*Start the later version again, or restore a backup/m,
    )
    expect(program.stderr()).not.toMatch(/corrupted/)
  })

  test('that marked its change as compatible, it starts, warns, and takes orders', async () => {
    const url = await newUrl()
    await stoppedOn(url)
    await changedBy(url, '9999-later.compatible', "alter table tasks add column later text default 'x'")
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
      expect(program.stderr()).toMatch(/"level":40.*9999-later\.compatible.*written by a later version/)
    }
  })
})
