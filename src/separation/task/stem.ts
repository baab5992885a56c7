import type { Reported } from './reported.ts'
import { partsOfType, type SeparationType, type StemPart } from './separation-type.ts'

/** A URL and when it was reported, in milliseconds since 1970. Of two URLs from one source, the later one counts. */
export interface StemUrl extends Reported<string> {
  readonly atMs: number
}

/** One separated part of the track. */
export interface Stem {
  readonly part: StemPart
  /** The provider's name for the part; null if it gives none. */
  readonly label: string | null
  readonly url: StemUrl
  /** From `originData` of record-info only. */
  readonly durationSeconds: number | null
  /** The provider's id of the stem (`originData[].id`), which orders for MIDI need; null if it gives none. */
  readonly originId: string | null
}

/** A copy of the file of a stem in the archive. */
export interface StemCopy {
  /** The name of the stem: see `stemName`. */
  readonly stem: string
  /** The SHA-256 of the bytes, in hexadecimal. The archive keeps the copy under it. */
  readonly sha256: string
  readonly sizeBytes: number
  /** When it was made, in milliseconds since 1970. */
  readonly atMs: number
}

/**
 * Whether the stems include all that this type of separation must yield: both stems of a `separate_vocal`, any stem of a
 * `split_stem`, because the track may have no other part.
 */
export function isComplete(type: SeparationType | null, stems: readonly Pick<Stem, 'part'>[]): boolean {
  if (stems.length === 0) return false
  const present = new Set<StemPart>(stems.map(({ part }) => part))
  switch (type) {
    case 'separate_vocal':
      return partsOfType.separate_vocal.every((part) => present.has(part))
    case 'split_stem':
      return true
    // A vocal stem alone may belong to either type.
    case null:
      return present.size > 1 || !present.has('vocal')
  }
}

/** The name of a stem within its task. Stems of the same name from two sources are the same stem. */
export function stemName(stem: Pick<Stem, 'part' | 'label'>): string {
  if (stem.part !== 'other') return stem.part
  const label = (stem.label ?? '').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-')
  return `other.${label}`
}
