import { closeSync, fsyncSync, openSync, readSync } from 'node:fs'
import { DatabaseSync } from '@photostructure/sqlite'

/** How long to wait for the lock of another process, in milliseconds. */
const lockTimeoutMs = 10_000

/**
 * Copies an SQLite file, as of one moment, into an existing empty file. Gateways can use the source meanwhile. The copy is
 * on disk when this returns. Throws if the copy is incomplete.
 * @returns the number of tasks in the copy; null if no gateway has used the source
 */
export function backUpFile(from: string, to: string): number | null {
  const source = new DatabaseSync(from, { readOnly: true, timeout: lockTimeoutMs })
  try {
    // Not the backup API: it starts again whenever another process writes.
    source.prepare('vacuum into ?').run(to)
  } finally {
    source.close()
  }
  syncFile(to)
  const copy = new DatabaseSync(to, { readOnly: true })
  try {
    const [{ quick_check: result } = {}] = copy.prepare('pragma quick_check(1)').all()
    if (result !== 'ok') throw new Error(`The copy is damaged: ${String(result)}`)
    const isUsed =
      copy.prepare("select 1 from sqlite_master where type = 'table' and name = 'tasks'").get() !== undefined
    return isUsed ? Number(copy.prepare('select count(*) as tasks from tasks').get()?.tasks) : null
  } finally {
    copy.close()
  }
}

/** Whether the file is a non-empty SQLite database. Throws if it cannot be read. */
export function isSqliteFile(path: string): boolean {
  const magic = Buffer.from('SQLite format 3\0')
  const start = Buffer.alloc(magic.length)
  const file = openSync(path, 'r')
  try {
    readSync(file, start, 0, start.length, 0)
  } finally {
    closeSync(file)
  }
  return start.equals(magic)
}

function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
