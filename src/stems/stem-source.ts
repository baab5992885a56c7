import type { Readable } from 'node:stream'
import type { Stem } from '../separation/task/stem.ts'
import type { SucceededTask } from '../separation/task/task.ts'
import type { AskedRange } from './byte-range.ts'

/** A stem of a task. */
export interface StemOfTask {
  readonly task: SucceededTask
  readonly stem: Stem
}

/** A file of which bytes are on their way. */
export interface OpenFile {
  readonly kind: 'open'
  /** Of the whole file, in bytes; null if the source does not say. */
  readonly size: number | null
  /** The position in the file of the first byte of `body`: that of the range, or 0 if the source knows no ranges. */
  readonly first: number
  /** The position of the last byte of `body`; null: the end of the file. */
  readonly last: number | null
  /** What the source says of the format. It may be wrong. */
  readonly contentType: string | null
  /**
   * Changes with the content of the file. Weak: files with other bytes may have the same. A digest says which bytes they are, at
   * whatever address. null if the source gives none.
   */
  readonly validator: { readonly value: string; readonly isWeak: boolean; readonly isDigest?: true } | null
  /** Must be read or destroyed. Fails if the source breaks off. */
  readonly body: Readable
}

/** Why there are no bytes. */
export type NoFile =
  /** The file does not have this range. */
  | { readonly kind: 'unsatisfiable'; readonly size: number | null }
  /** The provider does not have the file, or not any more. */
  | { readonly kind: 'not-found' }
  | { readonly kind: 'gone' }
  /** The provider does not give the file out, as when its own link has expired. */
  | { readonly kind: 'refused' }
  /** The file is at an address that must not be fetched. */
  | { readonly kind: 'not-allowed' }
  /** The provider failed, or did not answer in time. */
  | { readonly kind: 'failed' }

/** Where the bytes of stems come from: the provider's server, or the archive. */
export interface StemSource {
  /**
   * Opens the file of a stem, at a range or at its beginning. A source may ignore the range.
   * @param signal ends the request, also while it waits for an answer
   */
  open(stem: StemOfTask, range: AskedRange | null, signal: AbortSignal): Promise<OpenFile | NoFile>
  close(): void
}
