import type { ReportedStem } from '../separation/report.ts'
import { compareText, maxStems } from '../separation/merge-results.ts'
import { partsOfType, separationTypes, stemName, type SeparationType, type StemPart } from '../separation/task.ts'
import { objectField } from './fields.ts'
import { readOriginData } from './read-origin-data.ts'
import { readUrl } from './read-url.ts'
import { createStemDrafts } from './stem-drafts.ts'

/** What the one object that lists the stems says. */
export interface StemsRead {
  /** At most `maxStems`, the known parts before the others. */
  readonly stems: readonly ReportedStem[]
  /** What can be seen of the type from the parts that are there. */
  readonly type: SeparationType | null
  readonly originUrl: string | null
  /** Whether all is there that some type of separation yields, but for the piano. */
  readonly isFull: boolean
  readonly leftOut: LeftOut
}

/** What of an answer was not read. */
export interface LeftOut {
  /** How many stems there were beyond those that are kept. */
  readonly stems: number
  /** The names under which addresses stood that are not http(s), too long, or ours. */
  readonly addresses: readonly string[]
}

/** What is said where nothing is. */
export const noStems: StemsRead = {
  stems: [],
  type: null,
  originUrl: null,
  isFull: false,
  leftOut: { stems: 0, addresses: [] },
}

/** Addresses that stand beside the stems and are none: pictures, the source, where we are called back. */
const notStems = /^(source |origin |stream )*(image|cover|audio|video|stream)( large)?$|^call ?back$/

/**
 * Reads stems: record-info's `response` (`vocalUrl`) and a callback's info (`vocal_url`) alike, also as JSON text.
 *
 * Every key that ends in `url` is a part, but for the origin and `notStems`; empty means absent. `originData` adds
 * durations, names and parts that have no key. Kie's newer page shows it with other addresses for the very stems that have
 * keys too, so an entry is matched by address, then by name, and the key's address is kept. A second stem of one name is
 * numbered.
 */
export function readStems(info: unknown): StemsRead {
  const fields = objectField.parse(info) ?? {}
  const drafts = createStemDrafts()
  const addresses: string[] = []
  const leaveOut = (name: string) => void addresses.push(name)
  let originUrl: string | null = null
  for (const [key, value] of Object.entries(fields)) {
    const name = nameOfKey(key)
    if (!/url$/i.test(key) || notStems.test(name)) continue
    const url = readUrl(value, () => leaveOut(key))
    if (name === 'origin') originUrl ??= url
    else if (url !== null) drafts.addKeyed(name, url)
  }
  const { entries, hasPairs, hasWholePair } = readOriginData(fields['originData'] ?? fields['origin_data'], leaveOut)
  for (const entry of entries.filter((each) => !drafts.matchByUrl(each))) {
    if (!drafts.matchByName(entry)) drafts.addUnkeyed(entry)
  }
  const all = drafts.stems()
  const stems = firstOf(all)
  return {
    stems,
    // Any stem may be extracted: a pair of drums and the rest says nothing of another type.
    type: hasPairs ? null : typeOf(stems),
    originUrl,
    isFull: hasWholePair || hasAllParts(stems),
    leftOut: { stems: all.length - stems.length, addresses },
  }
}

/** At most `maxStems`: the known parts, then the others by their names, so that it is the same ones in whatever order. */
function firstOf(stems: readonly ReportedStem[]): readonly ReportedStem[] {
  if (stems.length <= maxStems) return stems
  const kept = new Set(
    stems
      .toSorted(
        (a, b) => Number(a.part === 'other') - Number(b.part === 'other') || compareText(stemName(a), stemName(b)),
      )
      .slice(0, maxStems),
  )
  return stems.filter((stem) => kept.has(stem))
}

function hasAllParts(stems: readonly ReportedStem[]): boolean {
  const present = new Set<StemPart>(stems.map(({ part }) => part))
  return separationTypes.some((type) => partsOfType[type].every((part) => part === 'piano' || present.has(part)))
}

/** `leadVocalsUrl` and `lead_vocals_url` both as `lead vocals`, as `originData` would write it but for capitals. */
function nameOfKey(key: string): string {
  const words = key
    .replace(/url$/i, '')
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .replace(/[_\s]+/g, ' ')
    .trim()
    .toLowerCase()
  return words === '' ? key : words
}

const splitOnly = new Set<StemPart>(partsOfType.split_stem.filter((part) => part !== 'vocal'))

/** Only a `separate_vocal` has an instrumental, only a `split_stem` the instruments (`apikley-record-info.txt`). */
function typeOf(stems: readonly ReportedStem[]): SeparationType | null {
  if (stems.some((stem) => stem.part === 'instrumental')) return 'separate_vocal'
  return stems.some((stem) => splitOnly.has(stem.part)) ? 'split_stem' : null
}
