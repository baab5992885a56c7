import * as z from 'zod'
import { compareText } from '../../separation/advance/merge-text.ts'
import { anyField, idField, parsedIfJson, textField } from './fields.ts'
import { parseUrl } from './parse-url.ts'
import { withinStemLimit } from './stem-limit.ts'

/** One stem of `originData`. */
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

/** The contents of `originData`. */
export interface OriginData {
  /** Sorted by URL, with pairs kept together, so that duplicate names get the same numbers in any list order. */
  readonly entries: readonly OriginEntry[]
  /** Whether it lists pairs, as for a `split_stem_advanced`. */
  readonly hasPairs: boolean
  /** Whether some pair has both halves. */
  readonly hasWholePair: boolean
  /** How many entries were beyond the limit and not read. */
  readonly omittedCount: number
}

/**
 * Reads `originData: [{id, duration, audio_url, stem_type_group_name}]`, the only source of a stem's duration
 * (`docs/providers.md, "Stems"`). A `split_stem_advanced` lists pairs: `extract` is the named stem, `remove` is the mix
 * without it, and both have the same name (`docs/providers.md, "split_stem_advanced"`).
 */
export function parseOriginData(value: unknown, onOmitted: (name: string) => void): OriginData {
  const list = parsedIfJson(value)
  const items = (Array.isArray(list) ? list : [list]).filter(isObject)
  const taken = withinStemLimit(items, (item) => ({ isKnownPart: false, text: firstAddress(item) }))
  const read = taken.map((item) => parseItem(item, onOmitted)).toSorted(compareItems)
  const pairs = read.filter(({ isPair }) => isPair)
  return {
    entries: read.flatMap(({ entries }) => entries),
    hasPairs: pairs.length > 0,
    hasWholePair: pairs.some(({ entries }) => entries.filter(({ url }) => url !== null).length === 2),
    omittedCount: items.length - taken.length,
  }
}

interface Item {
  readonly entries: readonly OriginEntry[]
  readonly isPair: boolean
}

function parseItem(item: Record<string, unknown>, onOmitted: (name: string) => void): Item {
  const { extract, remove } = item
  if (extract === undefined && remove === undefined) return { entries: parseEntry(item, onOmitted), isPair: false }
  const [extracted] = parseEntry(extract, onOmitted)
  const [rest] = parseEntry(remove, onOmitted)
  const name = extracted?.name ?? rest?.name ?? null
  const entries = [
    ...(extracted === undefined ? [] : [{ ...extracted, name }]),
    ...(rest === undefined ? [] : [{ ...rest, name: `Without ${name ?? 'the extracted stem'}` }]),
  ]
  return { entries, isPair: true }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The sort key of an item that is not read yet. */
function firstAddress({ extract, remove, ...item }: Record<string, unknown>): string {
  const { audio_url, audioUrl } = [extract, remove].find(isObject) ?? item
  const address = audio_url ?? audioUrl
  return typeof address === 'string' ? address : ''
}

function compareItems({ entries: [a] }: Item, { entries: [b] }: Item): number {
  return compareText(a?.url ?? '', b?.url ?? '') || compareText(a?.id ?? '', b?.id ?? '')
}

function parseEntry(item: unknown, onOmitted: (name: string) => void): readonly OriginEntry[] {
  const read = entry.safeParse(item)
  if (!read.success) return []
  const { id, duration } = read.data
  const name = read.data.stem_type_group_name ?? read.data.stemTypeGroupName
  const url = parseUrl(read.data.audio_url ?? read.data.audioUrl, () => onOmitted('originData'))
  return [{ id, name, url, durationSeconds: duration }]
}
