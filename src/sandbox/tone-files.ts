import { encodeToneAsMp3, samplesPerLevel } from './song/mp3.ts'
import type { Song } from './song/song.ts'
import { type FileName, fileNames } from './stems.ts'

const headerBytes = 44
/** The song has half the sample rate of the MP3 files. */
const songSamplesPerLevel = samplesPerLevel / 2
/** The tone of the first file, as a spectral line of 38 Hz. Each further file is one line higher. */
const lowestLine = 6

/** Creates the files of the song as MP3: of each a tone that is as loud as the part. Encodes a file at its first call. */
export function createToneFiles(song: Song): (name: FileName) => Buffer {
  const files = new Map<FileName, Buffer>()
  return (name) => {
    const file = files.get(name) ?? encodeToneAsMp3(levelsOf(song.file(name)), lowestLine + fileNames.indexOf(name))
    files.set(name, file)
    return file
  }
}

/** The peak of each level's samples, from 0 to 1. */
function levelsOf(wav: Buffer): readonly number[] {
  const count = Math.floor((wav.length - headerBytes) / 2 / songSamplesPerLevel)
  return Array.from({ length: count }, (_, level) => {
    let peak = 0
    for (let nth = 0; nth < songSamplesPerLevel; nth++) {
      peak = Math.max(peak, Math.abs(wav.readInt16LE(headerBytes + 2 * (level * songSamplesPerLevel + nth))))
    }
    return peak / 32_768
  })
}
