import { addDrum, addNoise, addPluck, addTone, type Tone, vowel, waveform, type Waveform } from './instruments.ts'
import {
  beatSeconds,
  beatsPerBar,
  brassHits,
  chords,
  counterMelody,
  everyBeats,
  hertz,
  melody,
  type ScoredNote,
  songSamples,
} from './score.ts'
import type { PartFile } from '../stems.ts'

function fallingHarmonics(count: number, steepness: number): Waveform {
  return waveform(Array.from({ length: count }, (_, index) => 1 / (index + 1) ** steepness))
}

/** How an instrument plays its notes. */
type Articulation = Pick<Tone, 'attackSeconds' | 'releaseSeconds' | 'decay' | 'vibrato'> & {
  readonly sound: (hertz: number) => Waveform
}

function playNote(track: Float32Array, articulation: Articulation, [beat, length, midi]: ScoredNote): void {
  addTone(track, {
    ...articulation,
    startSeconds: beat * beatSeconds,
    seconds: length * beatSeconds,
    volume: 1,
    hertz: hertz(midi),
    waveform: articulation.sound(hertz(midi)),
  })
}

const sustained = { attackSeconds: 0.03, releaseSeconds: 0.06, decay: 0, vibrato: 0 } as const
const struck = { attackSeconds: 0.004, releaseSeconds: 0.05, decay: 3.5, vibrato: 0 } as const

type Player = (track: Float32Array) => void

const players: Readonly<Record<PartFile, Player>> = {
  vocal(track) {
    const ah: Articulation = {
      ...sustained,
      vibrato: 0.009,
      sound: (pitch) =>
        vowel(pitch, [
          [730, 1],
          [1150, 0.6],
          [2600, 0.25],
        ]),
    }
    for (const note of melody) playNote(track, ah, note)
  },
  'backing-vocals'(track) {
    const ooh: Articulation = {
      ...sustained,
      attackSeconds: 0.15,
      releaseSeconds: 0.25,
      vibrato: 0.006,
      sound: (pitch) =>
        vowel(pitch, [
          [350, 1],
          [870, 0.35],
        ]),
    }
    for (const { beat, chord } of everyBeats(beatsPerBar)) {
      for (const midi of chord.slice(2)) playNote(track, ooh, [beat, beatsPerBar, midi])
    }
  },
  drums(track) {
    for (const { beat } of everyBeats(0.5)) {
      const startSeconds = beat * beatSeconds
      const inBar = beat % beatsPerBar
      addNoise(track, { startSeconds, seconds: 0.06, volume: 0.22, decay: 70, brightness: 0.9, seed: 11 + beat * 2 })
      if (inBar === 0 || inBar === 2 || inBar === 2.5) {
        addDrum(track, { startSeconds, seconds: 0.28, volume: 1, from: 190, to: 48 })
      }
      if (inBar === 1 || inBar === 3) {
        addNoise(track, { startSeconds, seconds: 0.2, volume: 0.5, decay: 22, brightness: 0.25, seed: 101 + beat })
        addDrum(track, { startSeconds, seconds: 0.12, volume: 0.5, from: 260, to: 170 })
      }
    }
  },
  bass(track) {
    const string = fallingHarmonics(6, 1.5)
    for (const { beat, chord } of everyBeats(0.5)) {
      const octave = beat % 2 === 1.5 ? 12 : 0
      playNote(track, { ...struck, decay: 2.5, sound: () => string }, [beat, 0.48, chord[0] - 12 + octave])
    }
  },
  guitar(track) {
    const order = [1, 2, 3, 2, 1, 3, 2, 3] as const
    for (const [index, { beat, chord }] of everyBeats(0.5).entries()) {
      const midi = chord[order[index % order.length] ?? 1]
      addPluck(track, {
        startSeconds: beat * beatSeconds,
        seconds: 0.9,
        volume: 0.8,
        hertz: hertz(midi),
        seed: 1001 + index,
      })
    }
  },
  piano(track) {
    const hammer = fallingHarmonics(9, 1.3)
    for (const { beat, chord } of everyBeats(0.5)) {
      const inBar = beat % beatsPerBar
      if (inBar !== 0 && inBar !== 1.5 && inBar !== 3) continue
      for (const midi of chord.slice(1)) playNote(track, { ...struck, sound: () => hammer }, [beat, 1.4, midi + 12])
    }
  },
  keyboard(track) {
    const reed = waveform([1, 0.1, 0.02, 0.25])
    for (const { beat, chord } of everyBeats(2)) {
      for (const midi of chord.slice(1)) playNote(track, { ...struck, decay: 1.6, sound: () => reed }, [beat, 2, midi])
    }
  },
  percussion(track) {
    for (const { beat } of everyBeats(0.25)) {
      const startSeconds = beat * beatSeconds
      const volume = beat % 1 === 0.5 ? 0.5 : 0.25
      addNoise(track, { startSeconds, seconds: 0.05, volume, decay: 60, brightness: 0.6, seed: 501 + beat * 4 })
      if ([0, 0.75, 1.5, 2.5, 3].includes(beat % beatsPerBar)) {
        addDrum(track, { startSeconds, seconds: 0.07, volume: 0.7, from: 1050, to: 1000 })
      }
    }
  },
  strings(track) {
    const bowed = fallingHarmonics(10, 1)
    const slow: Articulation = {
      attackSeconds: 0.35,
      releaseSeconds: 0.4,
      decay: 0,
      vibrato: 0.004,
      sound: () => bowed,
    }
    for (const { beat, chord } of everyBeats(beatsPerBar)) {
      for (const midi of chord.slice(1)) playNote(track, slow, [beat, beatsPerBar, midi + 12])
    }
  },
  synth(track) {
    const square = waveform([1, 0, 0.33, 0, 0.2, 0, 0.14])
    for (const [index, { beat, chord }] of everyBeats(0.25).entries()) {
      const midi = chord[1 + (index % 3)] ?? chord[1]
      playNote(track, { ...struck, decay: 9, sound: () => square }, [beat, 0.24, midi + 12])
    }
  },
  fx(track) {
    addNoise(track, { startSeconds: 0, seconds: 1.6, volume: 0.8, decay: 3, brightness: 0.5, seed: 7001 })
    addNoise(track, { startSeconds: 6, seconds: 2, volume: 1, decay: -1.8, brightness: 0.3, seed: 7002 })
  },
  brass(track) {
    const horn = fallingHarmonics(12, 0.8)
    for (const beat of brassHits) {
      const chord = chords[Math.floor(beat / beatsPerBar)] ?? chords[0]
      const articulation: Articulation = { ...sustained, attackSeconds: 0.04, decay: 2, sound: () => horn }
      for (const midi of chord.slice(1)) playNote(track, articulation, [beat, 0.4, midi])
    }
  },
  woodwinds(track) {
    const flute = waveform([1, 0.25, 0.08])
    for (const note of counterMelody) {
      playNote(track, { ...sustained, attackSeconds: 0.06, vibrato: 0.006, sound: () => flute }, note)
    }
  },
}

/** Plays one part alone, at an arbitrary volume. */
export function playPart(name: PartFile): Float32Array {
  const track = new Float32Array(songSamples)
  players[name](track)
  return track
}
