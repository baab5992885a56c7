import { sampleRate } from './instruments.ts'

/** 120 beats a minute. */
export const beatSeconds = 0.5
export const beatsPerBar = 4

/** A minor, F, C and G, one bar each, as MIDI numbers. The bass note comes first. */
export const chords = [
  [45, 57, 60, 64],
  [41, 57, 60, 65],
  [48, 55, 60, 64],
  [43, 55, 59, 62],
] as const

const beats = chords.length * beatsPerBar

/** The number of samples in the song. */
export const songSamples = beats * beatSeconds * sampleRate

export const songSeconds = songSamples / sampleRate

/** The start and the length of a note in beats, and its MIDI number. */
export type ScoredNote = readonly [beat: number, beats: number, midi: number]

/** The melody of the vocals. */
export const melody: readonly ScoredNote[] = [
  [0, 1, 72],
  [1, 0.5, 71],
  [1.5, 1.5, 69],
  [3, 1, 64],
  [4, 1, 69],
  [5, 0.5, 67],
  [5.5, 1.5, 65],
  [7, 0.5, 69],
  [7.5, 0.5, 71],
  [8, 1.5, 72],
  [9.5, 0.5, 71],
  [10, 1.5, 67],
  [11.5, 0.5, 69],
  [12, 1, 74],
  [13, 0.5, 72],
  [13.5, 1.5, 71],
]

/** The melody of the woodwinds. */
export const counterMelody: readonly ScoredNote[] = [
  [2.5, 0.5, 76],
  [3, 1, 81],
  [6.5, 0.5, 77],
  [7, 1, 81],
  [10.5, 0.5, 76],
  [11, 1, 79],
  [15, 0.5, 79],
  [15.5, 0.5, 83],
]

/** The beats on which the brass plays. */
export const brassHits: readonly number[] = [3.5, 7.5, 11.5, 14, 14.5, 15.5]

/** The frequency of a MIDI number. */
export function hertz(midi: number): number {
  return 440 * 2 ** ((midi - 69) / 12)
}

/** Every `step` beats of the song, each with its chord. */
export function everyBeats(
  step: number,
): readonly { readonly beat: number; readonly chord: (typeof chords)[number] }[] {
  return Array.from({ length: beats / step }, (_, index) => {
    const beat = index * step
    return { beat, chord: chords[Math.floor(beat / beatsPerBar)] ?? chords[0] }
  })
}
