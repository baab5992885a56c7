import { knownParts } from '../task/separation-type.ts'
import { stemName, type Stem } from '../task/stem.ts'
import type { CompletedAt, Result } from '../task/task.ts'
import type { Source } from '../task/reported.ts'
import { compareText, pickText } from './merge-text.ts'
import type { ReportedStem } from '../task/report.ts'

/** The most stems that a task keeps: several times what any provider yields, and few enough to read at every change. */
export const maxStems = 64

/** The result in one report. */
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

/** Merges two results, in either order. Stems are only added, up to `maxStems`. */
export function mergeResults(a: Result | null, b: Result): Result {
  if (a === null) return b
  return {
    stems: mergeStems(a.stems, b.stems),
    completedAtMs: preferredTime(a.completedAtMs, b.completedAtMs),
    foundAtMs: Math.min(a.foundAtMs, b.foundAtMs),
  }
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
  // Every reported stem has a URL, so the source of the URL is the source of the whole stem.
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

/** A time given by the provider before one of the gateway; then that of record-info; then the smaller. */
function preferredTime(a: CompletedAt, b: CompletedAt): CompletedAt {
  if (a.isReported !== b.isReported) return a.isReported ? a : b
  if (a.by !== b.by) return a.by === 'record-info' ? a : b
  return a.value <= b.value ? a : b
}

function rankOf(stem: Stem): number {
  return stem.part === 'other' ? knownParts.length : knownParts.indexOf(stem.part)
}
