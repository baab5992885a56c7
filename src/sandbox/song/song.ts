import { sampleRate } from './instruments.ts'
import { playPart } from './players.ts'
import { songSamples } from './score.ts'
import { type FileName, partFiles, type PartFile, type SumFile, sumFiles } from '../stems.ts'
import { encodeWav } from './wav.ts'

/**
 * The peak of each part. All sums of parts fit into 16 bits, so the sums are exact: the stems add up to the mix, sample by
 * sample.
 */
const peaks: Readonly<Record<PartFile, number>> = {
  vocal: 11_200,
  'backing-vocals': 3600,
  drums: 10_100,
  bass: 7600,
  guitar: 4700,
  piano: 4300,
  keyboard: 3100,
  percussion: 2200,
  strings: 3100,
  synth: 2300,
  fx: 1600,
  brass: 2500,
  woodwinds: 2300,
}

/** The song as files. */
export interface Song {
  /** A WAV file, synthesized at the first call. */
  file(name: FileName): Buffer
}

function toPeak(track: Float32Array, peak: number): Int16Array {
  let max = 0
  for (const sample of track) max = Math.max(max, Math.abs(sample))
  const samples = new Int16Array(track.length)
  for (let at = 0; at < samples.length; at++) samples[at] = Math.round((track[at]! / max) * peak)
  return samples
}

function isPart(name: FileName): name is PartFile {
  return (partFiles as readonly FileName[]).includes(name)
}

/** Creates a song of 8 seconds that can be looped. It is always the same. Caches what it has synthesized. */
export function createSong(): Song {
  const parts = new Map<PartFile, Int16Array>()
  const files = new Map<FileName, Buffer>()

  function part(name: PartFile): Int16Array {
    const samples = parts.get(name) ?? toPeak(playPart(name), peaks[name])
    parts.set(name, samples)
    return samples
  }

  function sum(name: SumFile): Int16Array {
    const total = new Int16Array(songSamples)
    for (const addend of sumFiles[name].map(part)) {
      for (let at = 0; at < total.length; at++) total[at] = total[at]! + addend[at]!
    }
    return total
  }

  return {
    file(name) {
      const file = files.get(name) ?? encodeWav(isPart(name) ? part(name) : sum(name), sampleRate)
      files.set(name, file)
      return file
    },
  }
}
