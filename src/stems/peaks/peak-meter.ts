/** How many buckets are stored of each file: as many as may be asked for. */
export const storedBuckets = 4_000
/** Samples of each channel that share one value while the length of the audio is not known. */
const samplesPerBlock = 64

/** Measures audio of unknown length in little memory. */
export interface PeakMeter {
  /** Adds samples from -1 to 1, as many of each channel. */
  add(channels: readonly Float32Array[]): void
  /** How many samples of one channel were added. */
  samples(): number
  /** The highest absolute value in each of `storedBuckets` parts of equal length, from 0 to 255. null without samples. */
  read(): Uint8Array | null
}

export function createPeakMeter(maxSamples: number): PeakMeter {
  const blocks = new Float32Array(Math.ceil(maxSamples / samplesPerBlock))
  let samples = 0
  return {
    add(channels) {
      const count = Math.min(channels[0]?.length ?? 0, maxSamples - samples)
      for (const channel of channels) {
        for (let at = 0; at < count; at++) {
          const block = Math.floor((samples + at) / samplesPerBlock)
          const value = Math.abs(channel[at]!)
          if (value > blocks[block]!) blocks[block] = value
        }
      }
      samples += count
    },
    samples: () => samples,
    read() {
      if (samples === 0) return null
      const used = blocks.subarray(0, Math.ceil(samples / samplesPerBlock))
      return Uint8Array.from(maxima(used, storedBuckets), (value) => Math.round(Math.min(1, value) * 255))
    },
  }
}

/** The maximum of each of `count` parts of equal length. A list with fewer values repeats them. */
export function maxima(values: ArrayLike<number>, count: number): readonly number[] {
  return Array.from({ length: count }, (_, part) => {
    const from = Math.floor((part * values.length) / count)
    const to = Math.max(from + 1, Math.ceil(((part + 1) * values.length) / count))
    let max = 0
    for (let at = from; at < to && at < values.length; at++) max = Math.max(max, values[at]!)
    return max
  })
}
