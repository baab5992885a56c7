import { z } from 'zod'
import { anyField, idField, parsedIfJson, textField } from './fields.ts'
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

const pair = z.object({ extract: anyField, remove: anyField })

/** What `originData` lists. */
export interface OriginData {
  /** In the order of addresses, so that equal names get equal numbers however the list is ordered. */
  readonly entries: readonly OriginEntry[]
  /** Whether it lists pairs, as a `split_stem_advanced` does. */
  readonly hasPairs: boolean
  /** Whether both halves of a pair are there. */
  readonly hasWholePair: boolean
}

/**
 * Reads `originData: [{id, duration, audio_url, stem_type_group_name}]` (Kie's newer answers, `facts.md`), the only source
 * of a stem's duration. A `split_stem_advanced` lists pairs: `extract` is the stem that was named, `remove` the mix without
 * it, and both bear its name (`more.md`, "split_stem_advanced").
 */
export function readOriginData(value: unknown, onLeftOut: (name: string) => void): OriginData {
  const given = parsedIfJson(value)
  const items: readonly unknown[] = Array.isArray(given) ? given : [given]
  const entries: OriginEntry[] = []
  let hasPairs = false
  let hasWholePair = false
  for (const item of items) {
    const { extract, remove } = pair.safeParse(item).data ?? {}
    if (extract === undefined && remove === undefined) {
      entries.push(...readEntry(item, onLeftOut))
      continue
    }
    hasPairs = true
    const [taken] = readEntry(extract, onLeftOut)
    const [rest] = readEntry(remove, onLeftOut)
    hasWholePair ||= (taken?.url ?? null) !== null && (rest?.url ?? null) !== null
    const name = taken?.name ?? rest?.name ?? null
    if (taken !== undefined) entries.push({ ...taken, name })
    if (rest !== undefined) entries.push({ ...rest, name: `Without ${name ?? 'the extracted stem'}` })
  }
  return { entries: entries.toSorted((a, b) => compare(a.url ?? '', b.url ?? '')), hasPairs, hasWholePair }
}

function readEntry(item: unknown, onLeftOut: (name: string) => void): readonly OriginEntry[] {
  const read = entry.safeParse(item)
  if (!read.success) return []
  const { id, duration } = read.data
  const name = read.data.stem_type_group_name ?? read.data.stemTypeGroupName
  const url = readUrl(read.data.audio_url ?? read.data.audioUrl, () => onLeftOut('originData'))
  return [{ id, name, url, durationSeconds: duration }]
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
