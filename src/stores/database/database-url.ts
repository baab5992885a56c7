/** The database of a gateway. `path` is an SQLite file or `:memory:`. `url` may contain a password. */
export type DatabaseAddress =
  { readonly kind: 'sqlite'; readonly path: string } | { readonly kind: 'postgres'; readonly url: string }

/** Parses a DATABASE_URL; null if it is invalid. */
export function parseDatabaseUrl(text: string): DatabaseAddress | null {
  if (text === ':memory:') return { kind: 'sqlite', path: text }
  if (/^file:./.test(text)) return { kind: 'sqlite', path: text.slice('file:'.length) }
  return /^postgres(ql)?:\/\//.test(text) && URL.canParse(text) ? { kind: 'postgres', url: text } : null
}

/** The URL of PostgreSQL or Redis for messages: without its password and its parameters. */
export function urlWithoutPassword(url: string): string {
  const { protocol, username, host, pathname } = new URL(url)
  return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`
}

/** The database for messages: the path of its file, or its URL without the password. */
export function describeDatabase(database: DatabaseAddress): string {
  return database.kind === 'sqlite' ? database.path : urlWithoutPassword(database.url)
}
