/** What is known of the file of a stem from having read it. null: not known yet. */
export interface StemFacts {
  readonly sizeBytes: number | null
  /** Such as `mp3`. */
  readonly format: string | null
  readonly durationSeconds: number | null
}

/** A file of a stem, by the provider's address of it. */
export interface StemFileRef {
  readonly taskId: string
  /** See `stemName`. */
  readonly stem: string
  readonly url: string
}

/** The stored facts of a file. */
export interface StemFile extends StemFileRef, StemFacts {}

/**
 * Stores facts of files beside the tasks. They are no part of a task and change no revision: what is known of the file at an
 * address never changes, it is only added.
 */
export interface StemFileStore {
  /** What is stored of these files, in any order; nothing for a file of which nothing is known. One read for all of them. */
  stemFiles(files: readonly StemFileRef[]): Promise<readonly StemFile[]>
  /** Adds what is not stored yet. Facts of another address of the stem are replaced. */
  learnStemFile(file: StemFile): Promise<void>
}

/** Stores the waveforms of files, which are computed once. */
export interface StemPeaksStore {
  /** null: the file cannot be decoded; undefined: not stored. */
  stemPeaks(file: StemFileRef): Promise<Uint8Array | null | undefined>
  saveStemPeaks(file: StemFileRef, peaks: Uint8Array | null): Promise<void>
}
