import { readFile } from 'node:fs/promises'

/** How many files and sockets this process may open, as may the servers that it starts; null where the system does not tell. */
export async function maxOpenFiles(): Promise<number | null> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  return soft === undefined ? null : Number(soft)
}
