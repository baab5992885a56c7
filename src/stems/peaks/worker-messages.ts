/** The formats that are decoded. */
export type DecodedFormat = 'mp3' | 'wav'

/** What a worker is started with. */
export interface PeaksJob {
  readonly format: DecodedFormat
  /** A file with more samples in a channel is not decoded. */
  readonly maxSamples: number
}

/** The next part of the file; null after the last. Each is answered before the next is sent. */
export type ToWorker = Uint8Array | null

export type FromWorker =
  | { readonly kind: 'next' }
  | { readonly kind: 'undecodable' }
  | { readonly kind: 'done'; readonly peaks: Uint8Array; readonly durationSeconds: number }
