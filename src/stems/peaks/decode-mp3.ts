import { MPEGDecoder } from 'mpg123-decoder'
import type { AudioDecoder } from './audio-decoder.ts'

/** Decodes MP3 with mpg123, compiled to WebAssembly. */
export async function createMp3Decoder(): Promise<AudioDecoder> {
  const decoder = new MPEGDecoder()
  await decoder.ready
  let sampleRate: number | null = null
  return {
    sampleRate: () => sampleRate,
    decode(bytes) {
      const decoded = decoder.decode(bytes)
      if (decoded.samplesDecoded === 0) return []
      sampleRate ??= decoded.sampleRate
      return decoded.channelData
    },
    free: () => decoder.free(),
  }
}
