import { pickText } from '../../separation/advance/merge-text.ts'
import type { ReportedStem } from '../../separation/task/report.ts'
import { stemName } from '../../separation/task/stem.ts'
import type { StemPart } from '../../separation/task/separation-type.ts'
import { redactedAddress, truncate, unprintableCharacters, redactAddresses } from '../client/redact.ts'
import type { OriginEntry } from './parse-origin-data.ts'
import { partOfName } from './part-of-name.ts'

/** A stem of an answer that is being parsed. */
interface Draft {
  readonly part: StemPart
  readonly url: string
  label: string | null
  durationSeconds: number | null
  originId: string | null
  /** Whether an entry of `originData` belongs to it. */
  matched: boolean
}

/** Collects the stems of one answer: from keys first, then from `originData`. */
export interface StemDrafts {
  /** Adds a stem that has a key. */
  addKeyed(name: string, url: string): void
  /** Merges an entry into the stem with the same URL; false if there is none. */
  matchByUrl(entry: OriginEntry): boolean
  /** Merges an entry into the keyed stem with the same name; false if there is none, or if it was merged before. */
  matchByName(entry: OriginEntry): boolean
  /** Adds an entry as a stem without a key. Ignores an entry without a URL. */
  addUnkeyed(entry: OriginEntry): void
  stems(): readonly ReportedStem[]
}

const maxLabelLength = 100

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

  /** Numbers a stem if its name is taken. A numbered stem is `other`, not a known part. */
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
    // A callback has no `originData`, so the stem must keep the name that both sources give it.
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

/** Makes a name safe to show; null if nothing is left of it. */
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

/** Turns `backingVocals` into `Backing Vocals`. */
function titleOf(part: StemPart): string {
  const title = part.replace(/(?=[A-Z])/g, ' ')
  return title.charAt(0).toUpperCase() + title.slice(1)
}
