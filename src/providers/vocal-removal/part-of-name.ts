import { knownParts, type KnownPart } from '../../separation/task/separation-type.ts'

/** The known and the likely names of each part, normalized. */
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

/** Finds the part for a provider's name in any spelling (`backing_vocals`, `Backing Vocals`); null if unknown. */
export function partOfName(name: string): KnownPart | null {
  return partOfNormalizedName.get(normalizedName(name)) ?? null
}

/** Reduces a name to lower-case letters and digits, so that all its spellings are equal. */
export function normalizedName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '')
}
