import { isTaskId } from '../../separation/task/task-id.ts'
import type { Span } from '../byte-range.ts'
import type { NoFile, OpenFile } from '../stem-source.ts'

/** Where the archive keeps its copies. A key is `<task id>/<SHA-256>`: see `archiveKey`. */
export interface ArchiveStorage {
  /** Begins a new file. It is in the archive only once it is stored. */
  receive(): Promise<IncomingFile>
  /** Opens a file at a span or at its beginning. Rejects with ArchiveError. */
  open(key: string, span: Span | null, signal: AbortSignal): Promise<OpenFile | NoFile>
  /** The size of a file in bytes; null if there is none. Rejects with ArchiveError. */
  sizeOf(key: string): Promise<number | null>
  /** Deletes a file; does nothing if there is none. Rejects with ArchiveError. */
  remove(key: string): Promise<void>
  /**
   * Deletes the copies of a task, of which these are known. A folder also deletes copies that no task names any more, because a
   * process was killed. Rejects with ArchiveError.
   */
  removeTask(taskId: string, sha256s: readonly string[]): Promise<void>
  /** Writes and deletes a small file, to find out whether the archive can be used. Rejects with ArchiveError. */
  check(): Promise<void>
  close(): void
}

/** A file that is being received. Its methods reject with ArchiveError. */
export interface IncomingFile {
  write(chunk: Buffer): Promise<void>
  /** Stores what was written under this key, whole and durably, unless the signal aborts. An equal file may be there already. */
  store(key: string, sizeBytes: number, signal: AbortSignal): Promise<void>
  /** Frees what the file takes outside the archive. To be called in the end, also after `store`. */
  close(): Promise<void>
}

/** Where it is noted that the storage has failed, or has worked. */
export interface StorageState {
  failed(detail: object): void
  worked(): void
}

/** The storage cannot do its work. The message says why and contains no secret. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
}

/** The key of a copy. It consists of safe characters only, whatever the provider calls the stem. */
export function archiveKey(taskId: string, sha256: string): string {
  if (!isTaskId(taskId) || !/^[0-9a-f]{64}$/.test(sha256)) throw new TypeError('This is not the name of a copy.')
  return `${taskId}/${sha256}`
}
