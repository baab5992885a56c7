/** The `type` of `POST /vocal-removal/generate` (docs/providers.md, "Endpoints"). */
export const separationTypes = ['separate_vocal', 'split_stem'] as const
export type SeparationType = (typeof separationTypes)[number]

/** The parts that each type of separation can yield. The piano is reported by record-info only. */
export const partsOfType = {
  separate_vocal: ['vocal', 'instrumental'],
  split_stem: [
    'vocal',
    'backingVocals',
    'drums',
    'bass',
    'guitar',
    'piano',
    'keyboard',
    'percussion',
    'strings',
    'synth',
    'fx',
    'brass',
    'woodwinds',
  ],
} as const satisfies Record<SeparationType, readonly string[]>

export type KnownPart = (typeof partsOfType)[SeparationType][number]

/** An unknown part is `other`, with the provider's label. */
export type StemPart = KnownPart | 'other'

/** All known parts, in the order in which stems are listed. */
export const knownParts: readonly KnownPart[] = [...new Set(Object.values(partsOfType).flat())]
