import type { AudioDecoder } from './audio-decoder.ts'

/** The `wFormatTag` of the formats that are decoded; an extensible one says its own in its first extension bytes. */
const pcm = 1
const float = 3
const extensible = 0xfffe
/** A header that is longer is no WAV file of music. */
const maxHeaderBytes = 1024 * 1024

interface WavFormat {
  readonly channels: number
  readonly sampleRate: number
  readonly bytesPerSample: number
  readonly isFloat: boolean
}

/** Decodes WAV: PCM of 8, 16, 24 or 32 bits, and floats of 32 bits. */
export function createWavDecoder(): AudioDecoder {
  let pending = Buffer.alloc(0)
  let format: WavFormat | null = null
  let isInData = false
  let dataLeft = 0

  /** Reads chunks until that of the data. Throws for what is not decoded. */
  function readHeader(): void {
    for (let at = 12; at + 8 <= pending.length;) {
      const [name, length] = [pending.toString('latin1', at, at + 4), pending.readUInt32LE(at + 4)]
      const end = at + 8 + length + (length % 2)
      if (name === 'data') {
        if (format === null) throw new TypeError('A WAV file has its format before its data.')
        pending = pending.subarray(at + 8)
        isInData = true
        // A file that was written as a stream does not have its length here.
        dataLeft = length === 0 || length === 0xffff_ffff ? Infinity : length
        return
      }
      if (end > pending.length) break
      if (name === 'fmt ') format = readFormat(pending.subarray(at + 8, end))
      at = end
    }
    if (pending.length > maxHeaderBytes) throw new TypeError('This WAV file has no data.')
  }

  return {
    sampleRate: () => format?.sampleRate ?? null,
    decode(bytes) {
      pending = pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([pending, bytes])
      if (!isInData) readHeader()
      if (!isInData || format === null) return []
      const { channels, bytesPerSample, isFloat } = format
      const frameBytes = channels * bytesPerSample
      const frames = Math.floor(Math.min(pending.length, dataLeft) / frameBytes)
      const decoded = Array.from({ length: channels }, () => new Float32Array(frames))
      for (let frame = 0; frame < frames; frame++) {
        for (let channel = 0; channel < channels; channel++) {
          const at = frame * frameBytes + channel * bytesPerSample
          decoded[channel]![frame] = sampleAt(pending, at, bytesPerSample, isFloat)
        }
      }
      dataLeft -= frames * frameBytes
      // What follows the data is no audio, and may be long.
      pending = dataLeft < frameBytes ? Buffer.alloc(0) : pending.subarray(frames * frameBytes)
      return decoded
    },
    free() {},
  }
}

function readFormat(chunk: Buffer): WavFormat {
  if (chunk.length < 16) throw new TypeError('The format of this WAV file is too short.')
  const tag = chunk.readUInt16LE(0)
  const kind = tag === extensible && chunk.length >= 26 ? chunk.readUInt16LE(24) : tag
  const [channels, sampleRate, bits] = [chunk.readUInt16LE(2), chunk.readUInt32LE(4), chunk.readUInt16LE(14)]
  const isKnown = kind === pcm ? [8, 16, 24, 32].includes(bits) : kind === float && bits === 32
  if (!isKnown || channels < 1 || channels > 16 || sampleRate < 1)
    throw new TypeError('This kind of WAV is not decoded.')
  return { channels, sampleRate, bytesPerSample: bits / 8, isFloat: kind === float }
}

function sampleAt(bytes: Buffer, at: number, size: number, isFloat: boolean): number {
  if (isFloat) return bytes.readFloatLE(at)
  // Of the sizes only 8 bits are unsigned.
  return size === 1 ? (bytes.readUInt8(at) - 128) / 128 : bytes.readIntLE(at, size) / 2 ** (8 * size - 1)
}
