import { closeSync, fsyncSync, openSync, readSync } from 'node:fs'
import { DatabaseSync } from '@photostructure/sqlite'

/** How long the file is waited for while another process has it locked, in milliseconds. */
const busyMs = 10_000

/**
 * Writes a copy of a file of SQLite as it stands at this moment, into an empty file that is there already; whoever works on
 * the file goes on meanwhile. The copy is on the disk when this returns. Throws if it could not be written whole.
 * @returns how many tasks the copy holds; null if no gateway has ever used it
 */
export function backUpFile(from: string, to: string): number | null {
  const source = new DatabaseSync(from, { readOnly: true, timeout: busyMs })
  try {
    // A statement, not the backup interface: that begins anew whenever another process writes.
    source.prepare('vacuum into ?').run(to)
  } finally {
    source.close()
  }
  syncFile(to)
  const copy = new DatabaseSync(to, { readOnly: true })
  try {
    const [{ quick_check: found } = {}] = copy.prepare('pragma quick_check(1)').all()
    if (found !== 'ok') throw new Error(`The copy is not whole: ${String(found)}`)
    const isUsed =
      copy.prepare("select 1 from sqlite_master where type = 'table' and name = 'tasks'").get() !== undefined
    return isUsed ? Number(copy.prepare('select count(*) as tasks from tasks').get()?.tasks) : null
  } finally {
    copy.close()
  }
}

/** Whether the file is one of SQLite's, with something in it. Throws if it cannot be read. */
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
