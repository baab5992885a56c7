import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isTaskId } from '../../separation/task/task-id.ts'
import type { ArchiveStorage } from './archive-storage.ts'
import { orFolderError } from './folder-failure.ts'
import { writeAll } from './write-all.ts'

/** Files that are not whole yet. In the same file system, so that they can be renamed. */
const incomingFolder = '.incoming'
/** Older ones were left behind by a process that was killed. No file takes so long. */
const maxIncomingMs = 24 * 60 * 60_000

/** Keeps the copies in a folder, which is created if it does not exist. */
export function createFolderStorage(folder: string): ArchiveStorage {
  const incoming = join(folder, incomingFolder)

  async function receive() {
    const path = join(incoming, randomUUID())
    const file = await attempt(async () => {
      await mkdir(incoming, { recursive: true })
      return open(path, 'wx')
    })
    let isStored = false
    return {
      write: (chunk: Buffer) => attempt(() => writeAll(file, chunk)),
      store: (key: string) =>
        attempt(async () => {
          await file.sync()
          const target = join(folder, key)
          await mkdir(dirname(target), { recursive: true })
          await rename(path, target)
          isStored = true
          await syncFolder(dirname(target))
          await syncFolder(folder)
        }),
      close: () =>
        attempt(async () => {
          await file.close()
          if (!isStored) await rm(path, { force: true })
        }),
    }
  }

  async function removeOldIncoming(): Promise<void> {
    for (const name of await readdir(incoming)) {
      const path = join(incoming, name)
      try {
        if ((await stat(path)).mtimeMs < Date.now() - maxIncomingMs) await rm(path, { force: true })
      } catch (error) {
        // Another gateway has stored or deleted it meanwhile.
        if (!isMissing(error)) throw error
      }
    }
  }

  return {
    receive,

    open: (key, span) =>
      attempt(async () => {
        try {
          const file = await open(join(folder, key), 'r')
          const { size } = await file.stat()
          const { first, last } = span ?? { first: 0, last: size - 1 }
          // No copy is empty, and no range of an empty file exists.
          if (last >= size || size === 0) {
            await file.close()
            return { kind: 'unsatisfiable', size }
          }
          const body = file.createReadStream({ start: first, end: last })
          // An error without a listener ends the process; whoever reads the body learns of it by its end.
          body.on('error', () => {})
          return { kind: 'open', size, first, last, contentType: null, validator: null, body }
        } catch (error) {
          if (isMissing(error)) return { kind: 'not-found' }
          throw error
        }
      }),

    sizeOf: (key) =>
      attempt(async () => {
        try {
          return (await stat(join(folder, key))).size
        } catch (error) {
          if (isMissing(error)) return null
          throw error
        }
      }),

    remove: (key) =>
      attempt(async () => {
        await rm(join(folder, key), { force: true })
        // The folder of the task goes with its last copy.
        await rmdir(dirname(join(folder, key))).catch(() => {})
      }),

    removeTask: (taskId) =>
      attempt(async () => {
        if (!isTaskId(taskId)) throw new TypeError('This is not the id of a task.')
        await rm(join(folder, taskId), { recursive: true, force: true })
      }),

    check: () =>
      attempt(async () => {
        const path = join(incoming, randomUUID())
        await mkdir(incoming, { recursive: true })
        const file = await open(path, 'wx')
        await file.close()
        await unlink(path)
        await removeOldIncoming()
      }),

    close: () => {},
  }
}

/** Makes the names in a folder durable, where the system can. Windows opens no folders. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null)
  if (folder === null) return
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function attempt<T>(work: () => Promise<T>): Promise<T> {
  return orFolderError('The folder of the archive', work)
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
