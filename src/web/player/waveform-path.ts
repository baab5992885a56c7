/** How many points a waveform has. */
export const waveformPoints = 360
/** The height of a waveform in the units of its path. */
export const waveformHeight = 100

/** The loudest sample in each of `waveformPoints` equal parts, from 0 to 1. */
export function peaksOf(channels: readonly Float32Array[]): readonly number[] {
  const length = channels[0]?.length ?? 0
  const peaks = Array.from({ length: waveformPoints }, () => 0)
  for (const samples of channels) {
    for (let point = 0; point < waveformPoints; point++) {
      const end = Math.floor(((point + 1) * length) / waveformPoints)
      let peak = peaks[point] ?? 0
      for (let index = Math.floor((point * length) / waveformPoints); index < end; index++) {
        const level = Math.abs(samples[index] ?? 0)
        if (level > peak) peak = level
      }
      peaks[point] = Math.min(1, peak)
    }
  }
  return peaks
}

/**
 * The outline of a waveform as the path of an SVG: one unit wide for each peak, symmetrical about its middle.
 * @param loudest the peak that takes the whole height
 */
export function waveformPath(peaks: readonly number[], loudest: number): string {
  const middle = waveformHeight / 2
  const heights = peaks.map((peak) => Math.max(0.6, (peak / Math.max(loudest, 0.05)) * (middle - 2)))
  const upper = heights.map((height, index) => `${index} ${(middle - height).toFixed(1)}`)
  const lower = heights.map((height, index) => `${index} ${(middle + height).toFixed(1)}`).toReversed()
  return `M${[...upper, ...lower].join('L')}Z`
}
