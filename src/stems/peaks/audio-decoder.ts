/** Decodes a file part by part. */
export interface AudioDecoder {
  /** The samples of each channel, from -1 to 1, that these bytes complete. Throws for bytes that cannot be decoded. */
  decode(bytes: Uint8Array): readonly Float32Array[]
  /** In samples a second; null until it is known. */
  sampleRate(): number | null
  free(): void
}
