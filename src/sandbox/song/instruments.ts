/** Samples a second. */
export const sampleRate = 22_050

const tableSize = 2048

/** One period of a tone. */
export type Waveform = Float32Array

/** Creates a waveform from amplitudes: the fundamental first, then the overtones. */
export function waveform(amplitudes: readonly number[]): Waveform {
  const table = new Float32Array(tableSize)
  for (const [index, amplitude] of amplitudes.entries()) {
    const step = (2 * Math.PI * (index + 1)) / tableSize
    for (let at = 0; at < tableSize; at++) table[at] = table[at]! + amplitude * Math.sin(step * at)
  }
  return table
}

/** Creates the waveform of a sung vowel: overtones are loud near its formants. */
export function vowel(hertz: number, formants: readonly (readonly [hertz: number, loudness: number])[]): Waveform {
  const overtones = Math.floor(4500 / hertz)
  return waveform(
    Array.from({ length: overtones }, (_, index) => {
      const at = hertz * (index + 1)
      const resonance = formants.reduce((sum, [centre, loud]) => sum + loud / (1 + ((at - centre) / 110) ** 2), 0.04)
      return resonance / Math.sqrt(index + 1)
    }),
  )
}

/** Creates reproducible noise between -1 and 1. */
function createNoise(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 0x8000_0000
  }
}

/** When a sound starts, how long and how loud it is. A sound that exceeds the loop continues at its beginning. */
interface Sound {
  readonly startSeconds: number
  readonly seconds: number
  readonly volume: number
}

export interface Tone extends Sound {
  readonly hertz: number
  readonly waveform: Waveform
  readonly attackSeconds: number
  readonly releaseSeconds: number
  /** How fast the sound decays, in 1/s; 0 for a sustained one. */
  readonly decay: number
  /** The depth of a 5.5 Hz vibrato, as a fraction of the pitch. */
  readonly vibrato: number
}

function mixInto(track: Float32Array, sound: Sound, sampleAt: (index: number) => number): void {
  const start = Math.round(sound.startSeconds * sampleRate)
  const count = Math.round(sound.seconds * sampleRate)
  for (let index = 0; index < count; index++) {
    const at = (start + index) % track.length
    track[at] = track[at]! + sound.volume * sampleAt(index)
  }
}

/** Adds a note of `seconds`, of which the last `releaseSeconds` fade out. */
export function addTone(track: Float32Array, tone: Tone): void {
  const count = tone.seconds * sampleRate
  const attack = Math.max(1, tone.attackSeconds * sampleRate)
  const release = Math.max(1, tone.releaseSeconds * sampleRate)
  const fading = Math.exp(-tone.decay / sampleRate)
  const step = (tone.hertz * tableSize) / sampleRate
  const vibratoStep = (2 * Math.PI * 5.5) / sampleRate
  let phase = 0
  let strength = 1
  mixInto(track, tone, (index) => {
    const bend = tone.vibrato === 0 ? 0 : tone.vibrato * Math.min(1, index / 6000) * Math.sin(vibratoStep * index)
    phase = (phase + step * (1 + bend)) % tableSize
    strength *= fading
    return tone.waveform[Math.floor(phase)]! * strength * Math.min(1, index / attack, (count - index) / release)
  })
}

export interface NoiseHit extends Sound {
  /** How fast it decays, in 1/s. Negative: it swells. */
  readonly decay: number
  /** From 0 (all frequencies) to 1 (only the highest). */
  readonly brightness: number
  readonly seed: number
}

/** Adds a burst of noise. */
export function addNoise(track: Float32Array, hit: NoiseHit): void {
  const noise = createNoise(hit.seed)
  const count = hit.seconds * sampleRate
  const fading = Math.exp(-hit.decay / sampleRate)
  let strength = hit.decay < 0 ? Math.exp(hit.decay * hit.seconds) : 1
  let low = 0
  mixInto(track, hit, (index) => {
    const white = noise()
    low += hit.brightness * (white - low)
    strength *= fading
    return (white - low) * strength * Math.min(1, index / 20, (count - index) / 200)
  })
}

/** Adds a drum: a sine that falls from one pitch to another, in hertz. */
export function addDrum(track: Float32Array, drum: Sound & { readonly from: number; readonly to: number }): void {
  const falling = Math.exp(-28 / sampleRate)
  const fading = Math.exp(-5 / drum.seconds / sampleRate)
  let above = drum.from - drum.to
  let phase = 0
  let strength = 1
  mixInto(track, drum, (index) => {
    above *= falling
    strength *= fading
    phase += (2 * Math.PI * (drum.to + above)) / sampleRate
    return Math.sin(phase) * strength * Math.min(1, index / 30)
  })
}

/** Adds a plucked string (Karplus-Strong): noise in a feedback loop of one period. */
export function addPluck(track: Float32Array, pluck: Sound & { readonly hertz: number; readonly seed: number }): void {
  const noise = createNoise(pluck.seed)
  const string = Float32Array.from({ length: Math.round(sampleRate / pluck.hertz - 0.5) }, noise)
  const count = pluck.seconds * sampleRate
  let at = 0
  mixInto(track, pluck, (index) => {
    const now = string[at]!
    const next = (at + 1) % string.length
    string[at] = 0.498 * (now + string[next]!)
    at = next
    return now * Math.min(1, (count - index) / 400)
  })
}
