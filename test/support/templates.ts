import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Databases with the tables of the sources as they are now, and nothing in them, to be copied. */
    readonly templates: Templates
  }
}

export interface Templates {
  /** The path of a file of SQLite. */
  readonly sqlite: string
  /** The name of a database of the tests' PostgreSQL; null if there is none. */
  readonly postgres: string | null
}

const migrate = `
const [store, ...databases] = process.argv.slice(1)
const { openStore } = await import(store)
const log = { debug() {}, info() {}, warn() {}, error() {} }
for (const database of databases) await (await openStore(JSON.parse(database), log)).close()
`

/** Makes them with the built programs in `dist`; `end` removes what is not in the folder. */
export async function makeTemplates(
  dist: string,
  folder: string,
): Promise<{ readonly templates: Templates; readonly end: () => Promise<void> }> {
  const sqlite = join(folder, 'template.db')
  const server = process.env['TEST_POSTGRES_URL']
  const postgres = server === undefined ? null : `stemgate_template_${randomBytes(8).toString('hex')}`
  const databases: object[] = [{ kind: 'sqlite', path: sqlite }]
  if (server !== undefined && postgres !== null) {
    await query(server, `create database ${postgres}`)
    const url = new URL(server)
    url.pathname = `/${postgres}`
    databases.push({ kind: 'postgres', url: url.href })
  }
  const args = [join(dist, 'stores/open-store.js'), ...databases.map((each) => JSON.stringify(each))]
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', migrate, ...args])
  return {
    templates: { sqlite, postgres },
    async end() {
      if (server !== undefined) await query(server, `drop database if exists ${postgres} with (force)`)
    },
  }
}

async function query(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
