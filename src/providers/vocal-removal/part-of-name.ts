import { knownParts, type KnownPart } from '../../separation/task.ts'

/** The names under which each part has been seen or may be expected, reduced to small letters and digits. */
const namesOfPart = {
  vocal: ['vocal', 'vocals', 'leadvocal', 'leadvocals', 'mainvocal', 'mainvocals'],
  instrumental: ['instrumental', 'instrumentals', 'accompaniment'],
  backingVocals: ['backingvocal', 'backingvocals', 'backgroundvocal', 'backgroundvocals'],
  drums: ['drum', 'drums'],
  bass: ['bass'],
  guitar: ['guitar', 'guitars'],
  piano: ['piano', 'pianos'],
  keyboard: ['keyboard', 'keyboards', 'keys'],
  percussion: ['percussion', 'percussions'],
  strings: ['string', 'strings'],
  synth: ['synth', 'synths', 'synthesizer', 'synthesizers', 'synthesiser', 'synthesisers'],
  fx: ['fx', 'sfx', 'effect', 'effects', 'soundeffects', 'fxother'],
  brass: ['brass'],
  woodwinds: ['woodwind', 'woodwinds'],
} as const satisfies Record<KnownPart, readonly string[]>

const partOfNormalizedName = new Map<string, KnownPart>()
for (const part of knownParts) {
  for (const name of namesOfPart[part]) partOfNormalizedName.set(name, part)
}

/** The part that a provider means by a name, however it is spelt (`backing_vocals`, `Backing Vocals`); null if unknown. */
export function partOfName(name: string): KnownPart | null {
  return partOfNormalizedName.get(normalizedName(name)) ?? null
}

/** A name in small letters and digits alone, so that all spellings of it are one. */
export function normalizedName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '')
}
