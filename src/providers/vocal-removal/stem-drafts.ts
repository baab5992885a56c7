import { pickText } from '../../separation/advance/merge-results.ts'
import type { ReportedStem } from '../../separation/advance/report.ts'
import { stemName, type StemPart } from '../../separation/task.ts'
import { redactedAddress, truncate, unprintableCharacters, redactAddresses } from '../client/redact.ts'
import type { OriginEntry } from './parse-origin-data.ts'
import { partOfName } from './part-of-name.ts'

/** A stem while its answer is being read. */
interface Draft {
  readonly part: StemPart
  readonly url: string
  label: string | null
  durationSeconds: number | null
  originId: string | null
  /** Whether an entry of `originData` stands behind it. */
  matched: boolean
}

/** The stems of one answer while it is being read: from keys first, then from `originData`. */
export interface StemDrafts {
  /** Takes a stem that has a key of its own. */
  addKeyed(name: string, url: string): void
  /** Takes an entry as saying more of the stem with its address; false if there is none. */
  matchByUrl(entry: OriginEntry): boolean
  /** Takes an entry as saying more of the keyed stem with its name; false if there is none, or another entry took it. */
  matchByName(entry: OriginEntry): boolean
  /** Takes an entry as a stem without a key. One without an address says nothing. */
  addUnkeyed(entry: OriginEntry): void
  stems(): readonly ReportedStem[]
}

const maxLabelLength = 100

/** No stems yet. */
export function createStemDrafts(): StemDrafts {
  const byName = new Map<string, Draft>()
  const byUrl = new Map<string, Draft>()
  const lastNumber = new Map<string, number>()

  function add(draft: Draft): void {
    if (byName.get(stemName(draft))?.url === draft.url) return
    const named = { ...draft, ...numbered(draft) }
    byName.set(stemName(named), named)
    if (!byUrl.has(named.url)) byUrl.set(named.url, named)
  }

  /** Of two stems under one name the second gets a number, and is then no longer the known part. */
  function numbered({ part, label }: Draft): Pick<Draft, 'part' | 'label'> {
    const name = stemName({ part, label })
    if (!byName.has(name)) return { part, label }
    let number = lastNumber.get(name) ?? 1
    let candidate: Pick<Draft, 'part' | 'label'>
    do {
      number += 1
      candidate = { part: 'other', label: `${label ?? titleOf(part)} ${number}` }
    } while (byName.has(stemName(candidate)))
    lastNumber.set(name, number)
    return candidate
  }

  function match(draft: Draft | undefined, entry: OriginEntry): boolean {
    if (draft === undefined) return false
    draft.matched = true
    draft.durationSeconds ??= entry.durationSeconds
    draft.originId = pickText(draft.originId, entry.id)
    const label = labelOf(entry.name) ?? draft.label
    // A callback has no `originData`: the name by which both know the stem must stay.
    if (stemName({ part: draft.part, label }) === stemName(draft)) draft.label = label
    return true
  }

  return {
    addKeyed(name, url) {
      const part = partOfName(name)
      const draft = { url, durationSeconds: null, originId: null, matched: false }
      add(part === null ? { ...draft, part: 'other', label: labelOf(name) } : { ...draft, part, label: null })
    },
    matchByUrl(entry) {
      return match(entry.url === null ? undefined : byUrl.get(entry.url), entry)
    },
    matchByName(entry) {
      if (entry.name === null) return false
      const draft = byName.get(stemName({ part: partOfName(entry.name) ?? 'other', label: labelOf(entry.name) }))
      return match(draft?.matched === false ? draft : undefined, entry)
    },
    addUnkeyed({ id, name, url, durationSeconds }) {
      if (url === null) return
      const part = partOfName(name ?? '') ?? 'other'
      add({ part, label: labelOf(name), url, durationSeconds, originId: id, matched: true })
    },
    stems: () =>
      [...byName.values()].map(({ part, label, url, durationSeconds, originId }) => ({
        part,
        label,
        url,
        durationSeconds,
        originId,
      })),
  }
}

/** A name as it may be shown. */
function labelOf(name: string | null): string | null {
  const label = truncate(
    redactAddresses(name ?? '')
      .replace(unprintableCharacters, ' ')
      .replace(/\s+/gu, ' ')
      .trim(),
    maxLabelLength,
  )
  return label === '' || label === redactedAddress ? null : label
}

/** `backingVocals` as `Backing Vocals`. */
function titleOf(part: StemPart): string {
  const words = part.replace(/(?=[A-Z])/g, ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
