import type { ReportedStem } from '../../separation/task/report.ts'
import {
  partsOfType,
  separationTypes,
  type SeparationType,
  type StemPart,
} from '../../separation/task/separation-type.ts'
import { stemName } from '../../separation/task/stem.ts'
import { objectField } from './fields.ts'
import { partOfName, normalizedName } from './part-of-name.ts'
import { parseOriginData } from './parse-origin-data.ts'
import { parseUrl } from './parse-url.ts'
import { createStemDrafts } from './stem-drafts.ts'
import { withinStemLimit } from './stem-limit.ts'

/** The contents of the object that lists the stems. */
export interface ParsedStems {
  /** At most `maxStems`; known parts come first. */
  readonly stems: readonly ReportedStem[]
  /** The type that the present parts imply; null if they imply none. */
  readonly type: SeparationType | null
  readonly originUrl: string | null
  /** Whether all parts of some type are present. The piano may be missing. */
  readonly hasAllParts: boolean
  readonly omitted: Omitted
}

/** What was not read from an answer. */
export interface Omitted {
  /** How many stems were beyond the limit. */
  readonly stems: number
  /** The keys of URLs that are not http(s), are too long, or are our callback URL. */
  readonly addresses: readonly string[]
}

/** The result for an answer without stems. */
export const noStems: ParsedStems = {
  stems: [],
  type: null,
  originUrl: null,
  hasAllParts: false,
  omitted: { stems: 0, addresses: [] },
}

/** Normalized names of URLs that are not stems: images, the source, our callback URL. */
const notStemNames = /^(source|origin|stream)*(image|cover|audio|video|stream)(large)?$|^callback$/

/**
 * Reads the stems of record-info's `response` (`vocalUrl`) or of a callback (`vocal_url`), also as JSON text.
 *
 * Every key that ends in `url` is a part, except the origin and `notStemNames`. Empty text means absent. `originData` adds
 * durations, names, and parts without a key. Kie's newer page shows other URLs in it for stems that also have keys, so an
 * entry is matched by URL, then by name, and the key's URL is kept. A second stem with the same name gets a number.
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
    // A pair may extract any stem, so it does not imply a type.
    type: origin.hasPairs ? null : typeOf(stems),
    originUrl,
    hasAllParts: origin.hasWholePair || isComplete(stems),
    omitted: { stems: omittedCount + all.length - stems.length, addresses },
  }
}

interface KeyedAddress {
  readonly key: string
  /** The key's normalized name, without `url`. */
  readonly name: string
  readonly address: string
}

/** The values of the keys that end in `url`, including the origin. */
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

/** Turns `leadVocalsUrl` and `lead_vocals_url` into `lead vocals`: the name that `originData` has, in lower case. */
function nameOfKey(key: string): string {
  const name = key
    .replace(/url$/i, '')
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .replace(/[_\s]+/g, ' ')
    .trim()
    .toLowerCase()
  return name === '' ? key : name
}

const splitOnly = new Set<StemPart>(partsOfType.split_stem.filter((part) => part !== 'vocal'))

/** Only `separate_vocal` has an instrumental; only `split_stem` has the instruments (`docs/providers.md, "Stems"`). */
function typeOf(stems: readonly ReportedStem[]): SeparationType | null {
  if (stems.some((stem) => stem.part === 'instrumental')) return 'separate_vocal'
  return stems.some((stem) => splitOnly.has(stem.part)) ? 'split_stem' : null
}
