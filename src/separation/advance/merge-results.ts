import type { ReportedStem } from './report.ts'
import { knownParts, stemName, type CompletedAt, type Result, type Source, type Stem } from '../task.ts'

/** How many stems a task keeps at most: several times what any provider yields, and few enough to read at every change. */
export const maxStems = 64

/** What one report says that a separation has yielded. */
export function resultOf(
  stems: readonly ReportedStem[],
  { by, atMs, completedAtMs }: { readonly by: Source; readonly atMs: number; readonly completedAtMs: CompletedAt },
): Result {
  return {
    stems: mergeStems(
      [],
      stems.map((stem) => ({ ...stem, url: { value: stem.url, by, atMs } })),
    ),
    completedAtMs,
    foundAtMs: atMs,
  }
}

/** Both results as one, in whichever order they are given. Stems are only added, and none beyond `maxStems`. */
export function mergeResults(a: Result | null, b: Result): Result {
  if (a === null) return b
  return {
    stems: mergeStems(a.stems, b.stems),
    completedAtMs: preferredTime(a.completedAtMs, b.completedAtMs),
    foundAtMs: Math.min(a.foundAtMs, b.foundAtMs),
  }
}

/** The smaller of two texts, so that order cannot matter; the other one where one is null. */
export function pickText<T extends string | number>(a: T | null, b: T | null): T | null {
  if (a === null || b === null) return a ?? b
  return a <= b ? a : b
}

function mergeStems(before: readonly Stem[], added: readonly Stem[]): readonly Stem[] {
  const byName = new Map(before.map((stem) => [stemName(stem), stem]))
  for (const stem of added) {
    const known = byName.get(stemName(stem))
    if (known !== undefined) byName.set(stemName(stem), mergeStem(known, stem))
    else if (byName.size < maxStems) byName.set(stemName(stem), stem)
  }
  return [...byName.values()].toSorted((a, b) => rankOf(a) - rankOf(b) || compareText(stemName(a), stemName(b)))
}

function mergeStem(a: Stem, b: Stem): Stem {
  // Whoever names a stem names its address, so that the address shows which source the rest is from.
  if (a.url.by !== b.url.by) return a.url.by === 'record-info' ? a : b
  return {
    part: a.part,
    label: pickText(a.label, b.label),
    url: laterUrl(a.url, b.url),
    durationSeconds: pickText(a.durationSeconds, b.durationSeconds),
    originId: pickText(a.originId, b.originId),
  }
}

function laterUrl(a: Stem['url'], b: Stem['url']): Stem['url'] {
  return (b.atMs - a.atMs || compareText(a.value, b.value)) <= 0 ? a : b
}

/** A time that the provider gave, before one that is only ours; then record-info's; then the smaller. */
function preferredTime(a: CompletedAt, b: CompletedAt): CompletedAt {
  if (a.isReported !== b.isReported) return a.isReported ? a : b
  if (a.by !== b.by) return a.by === 'record-info' ? a : b
  return a.value <= b.value ? a : b
}

function rankOf(stem: Stem): number {
  return stem.part === 'other' ? knownParts.length : knownParts.indexOf(stem.part)
}

/** Negative if `a` comes before `b`, in the order of UTF-16 code units, whatever the locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
