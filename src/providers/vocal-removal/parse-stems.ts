import type { ReportedStem } from '../../separation/advance/report.ts'
import { partsOfType, separationTypes, stemName, type SeparationType, type StemPart } from '../../separation/task.ts'
import { objectField } from './fields.ts'
import { partOfName, normalizedName } from './part-of-name.ts'
import { parseOriginData } from './parse-origin-data.ts'
import { parseUrl } from './parse-url.ts'
import { createStemDrafts } from './stem-drafts.ts'
import { withinStemLimit } from './stem-limit.ts'

/** What the one object that lists the stems says. */
export interface ParsedStems {
  /** At most `maxStems`, the known parts before the others. */
  readonly stems: readonly ReportedStem[]
  /** What can be seen of the type from the parts that are there. */
  readonly type: SeparationType | null
  readonly originUrl: string | null
  /** Whether all is there that some type of separation yields, but for the piano. */
  readonly hasAllParts: boolean
  readonly omitted: Omitted
}

/** What of an answer was not read. */
export interface Omitted {
  /** How many stems there were beyond those that are kept. */
  readonly stems: number
  /** The names under which addresses stood that are not http(s), too long, or ours. */
  readonly addresses: readonly string[]
}

/** What is said where nothing is. */
export const noStems: ParsedStems = {
  stems: [],
  type: null,
  originUrl: null,
  hasAllParts: false,
  omitted: { stems: 0, addresses: [] },
}

/** Reduced names of addresses that stand beside the stems and are none: pictures, the source, where we are called back. */
const notStemNames = /^(source|origin|stream)*(image|cover|audio|video|stream)(large)?$|^callback$/

/**
 * Reads stems: record-info's `response` (`vocalUrl`) and a callback's info (`vocal_url`) alike, also as JSON text.
 *
 * Every key that ends in `url` is a part, but for the origin and `notStemNames`; empty means absent. `originData` adds
 * durations, names and parts that have no key. Kie's newer page shows it with other addresses for the very stems that have
 * keys too, so an entry is matched by address, then by name, and the key's address is kept. A second stem of one name is
 * numbered.
 */
export function parseStems(info: unknown): ParsedStems {
  const fields = objectField.parse(info) ?? {}
  const drafts = createStemDrafts()
  const addresses: string[] = []
  const omit = (name: string) => void addresses.push(name)
  let originUrl: string | null = null
  const keyed = keyedAddresses(fields)
  const taken = withinStemLimit(keyed, ({ key, name }) => ({
    isKnownPart: name === 'origin' || partOfName(name) !== null,
    text: key,
  }))
  for (const { key, name, address } of taken) {
    const url = parseUrl(address, () => omit(key))
    if (name === 'origin') originUrl ??= url
    else if (url !== null) drafts.addKeyed(nameOfKey(key), url)
  }
  const origin = parseOriginData(fields['originData'] ?? fields['origin_data'], omit)
  for (const entry of origin.entries.filter((each) => !drafts.matchByUrl(each))) {
    if (!drafts.matchByName(entry)) drafts.addUnkeyed(entry)
  }
  const all = drafts.stems()
  const stems = withinStemLimit(all, (stem) => ({ isKnownPart: stem.part !== 'other', text: stemName(stem) }))
  const omittedCount = keyed.length - taken.length + origin.omittedCount
  return {
    stems,
    // Any stem may be extracted: a pair of drums and the rest says nothing of another type.
    type: origin.hasPairs ? null : typeOf(stems),
    originUrl,
    hasAllParts: origin.hasWholePair || isComplete(stems),
    omitted: { stems: omittedCount + all.length - stems.length, addresses },
  }
}

interface KeyedAddress {
  readonly key: string
  /** The key's reduced name, without `url`. */
  readonly name: string
  readonly address: string
}

/** What stands under the keys that end in `url`, the origin included. */
function keyedAddresses(fields: Record<string, unknown>): readonly KeyedAddress[] {
  return Object.entries(fields).flatMap(([key, address]) => {
    if (!/url$/i.test(key) || typeof address !== 'string' || address.trim() === '') return []
    const name = normalizedName(key.slice(0, -'url'.length))
    return notStemNames.test(name) ? [] : [{ key, name, address }]
  })
}

function isComplete(stems: readonly ReportedStem[]): boolean {
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
