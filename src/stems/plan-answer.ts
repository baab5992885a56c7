import { spanOf, type AskedRange, type Span } from './byte-range.ts'
import type { OpenFile } from './stem-source.ts'

/** What to send of an open file. Sizes are of the whole file, in bytes; null if it is not known. */
export type AnswerPlan =
  | { readonly status: 200; readonly span: null; readonly size: number | null }
  | { readonly status: 206; readonly span: Span; readonly size: number | null }
  | { readonly status: 416; readonly size: number }
  /** The body does not have the bytes. */
  | { readonly status: 'unusable' }

/**
 * Plans the answer to a range, whatever the source has made of it. If the size is not known, the whole file answers a range: it
 * may be shorter than the range.
 * @param knownSize what is known of the size if the source does not say it
 */
export function planAnswer(
  file: Pick<OpenFile, 'size' | 'first' | 'last'>,
  range: AskedRange | null,
  knownSize: number | null,
): AnswerPlan {
  const size = file.size ?? knownSize
  const isWhole = file.first === 0 && (file.last === null || (size !== null && file.last >= size - 1))
  const whole: AnswerPlan = isWhole ? { status: 200, span: null, size } : { status: 'unusable' }
  if (range === null) return whole
  if (size === null && file.last === null) return whole
  const wanted = size === null ? partOf(file, range) : spanOf(range, size)
  if (wanted === null) return size === null ? { status: 'unusable' } : { status: 416, size }
  // A source may send less than was asked for.
  const last = Math.min(wanted.last, file.last ?? wanted.last)
  if (wanted.first < file.first || last < wanted.first) return { status: 'unusable' }
  return { status: 206, span: { first: wanted.first, last }, size }
}

/** The asked bytes of a partial answer that does not say how long the file is. */
function partOf({ first, last }: Pick<OpenFile, 'first' | 'last'>, range: AskedRange): Span | null {
  if (last === null) return null
  if (range.kind === 'suffix') return { first, last }
  return { first: range.first, last: Math.min(range.last ?? last, last) }
}
