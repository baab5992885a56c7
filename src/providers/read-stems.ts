import type { ReportedStem } from '../separation/report.ts'
import { partsOfType, type SeparationType, type StemPart } from '../separation/task.ts'
import { objectField } from './fields.ts'
import { readOriginData } from './read-origin-data.ts'
import { readUrl } from './read-url.ts'
import { createStemDrafts } from './stem-drafts.ts'

/** What the one object that lists the stems says. */
export interface StemsRead {
  readonly stems: readonly ReportedStem[]
  /** What can be seen of the type from the parts that are there. */
  readonly type: SeparationType | null
  readonly originUrl: string | null
}

/** What is said where nothing is. */
export const noStems: StemsRead = { stems: [], type: null, originUrl: null }

/**
 * Reads stems: record-info's `response` (`vocalUrl`) and a callback's info (`vocal_url`) alike.
 *
 * Every key that ends in `url` is a part, the origin aside; empty means absent. `originData` adds durations, names and
 * parts that have no key. Kie's newer page shows it with other addresses for the very stems that have keys too, so an
 * entry is matched by address, then by name, and the key's address is kept. Nothing is dropped but addresses that are not
 * http(s): a second stem of one name is numbered. `onDropped` is told the name under which such an address stood.
 */
export function readStems(info: unknown, onDropped: (name: string) => void): StemsRead {
  const fields = objectField.parse(info) ?? {}
  const drafts = createStemDrafts()
  let originUrl: string | null = null
  for (const [key, value] of Object.entries(fields)) {
    if (!/url$/i.test(key)) continue
    const url = readUrl(value, () => onDropped(key))
    const name = nameOfKey(key)
    if (name === 'origin') originUrl ??= url
    else if (url !== null) drafts.addKeyed(name, url)
  }
  const entries = readOriginData(fields['originData'] ?? fields['origin_data'], onDropped)
  for (const entry of entries.filter((each) => !drafts.matchByUrl(each))) {
    if (!drafts.matchByName(entry)) drafts.addUnkeyed(entry)
  }
  const stems = drafts.stems()
  return { stems, type: typeOf(stems), originUrl }
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
