/** Where tasks are kept. `path` is that of SQLite's file, or `:memory:`. A `url` may hold a password. */
export type DatabaseAddress =
  { readonly kind: 'sqlite'; readonly path: string } | { readonly kind: 'postgres'; readonly url: string }

/** Reads a DATABASE_URL; null if it is none. */
export function parseDatabaseUrl(text: string): DatabaseAddress | null {
  if (text === ':memory:') return { kind: 'sqlite', path: text }
  if (/^file:./.test(text)) return { kind: 'sqlite', path: text.slice('file:'.length) }
  return /^postgres(ql)?:\/\//.test(text) && URL.canParse(text) ? { kind: 'postgres', url: text } : null
}

/** How a database or Redis is named to people: its address, never a password. */
export function urlWithoutPassword(url: string): string {
  const { protocol, username, host, pathname } = new URL(url)
  return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`
}

/** The path of a file, or the address of a database. */
export function describeDatabase(database: DatabaseAddress): string {
  return database.kind === 'sqlite' ? database.path : urlWithoutPassword(database.url)
}
