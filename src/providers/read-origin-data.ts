import { z } from 'zod'
import { anyField, idField, textField } from './fields.ts'
import { readUrl } from './read-url.ts'

/** One stem as `originData` tells it. */
export interface OriginEntry {
  readonly id: string | null
  /** The provider's own name for the stem. */
  readonly name: string | null
  readonly url: string | null
  readonly durationSeconds: number | null
}

const durationField = z
  .union([z.number(), z.string().trim().min(1).transform(Number)])
  .pipe(z.number().positive())
  .nullable()
  .catch(null)

const entry = z.object({
  id: idField,
  audio_url: anyField,
  audioUrl: anyField,
  stem_type_group_name: textField,
  stemTypeGroupName: textField,
  duration: durationField,
})

/**
 * Reads `originData: [{id, duration, audio_url, stem_type_group_name}]` (Kie's newer answers, `facts.md`), the only source
 * of a stem's duration. In the order of addresses, so that equal names get equal numbers however the list is ordered.
 */
export function readOriginData(value: unknown, onDropped: (name: string) => void): readonly OriginEntry[] {
  if (!Array.isArray(value)) return []
  const entries: OriginEntry[] = []
  for (const item of value) {
    const read = entry.safeParse(item)
    if (!read.success) continue
    const name = read.data.stem_type_group_name ?? read.data.stemTypeGroupName
    const url = readUrl(read.data.audio_url ?? read.data.audioUrl, () => onDropped('originData'))
    entries.push({ id: read.data.id, name, url, durationSeconds: read.data.duration })
  }
  return entries.toSorted((a, b) => compare(a.url ?? '', b.url ?? ''))
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
