/** The bytes that a client asks for: from `first` to `last` (inclusive; null: to the end), or the last `length` bytes. */
export type AskedRange =
  | { readonly kind: 'span'; readonly first: number; readonly last: number | null }
  | { readonly kind: 'suffix'; readonly length: number }

/** Consecutive bytes of a file. Both ends are inclusive. */
export interface Span {
  readonly first: number
  readonly last: number
}

/** How much is read of a file to see its format. */
export const headBytes = 1_024
export const headRange: AskedRange = { kind: 'span', first: 0, last: headBytes - 1 }

const rangePattern = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i

/**
 * Reads a Range header (RFC 9110, 14.1.2). null without a valid one, and for several ranges: a server may ignore them, and
 * answers with the whole file.
 */
export function parseRange(header: string | undefined): AskedRange | null {
  const [, from = '', to = ''] = rangePattern.exec(header ?? '') ?? []
  if (from === '') return to === '' ? null : { kind: 'suffix', length: Number(to) }
  const [first, last] = [Number(from), to === '' ? null : Number(to)]
  return last !== null && last < first ? null : { kind: 'span', first, last }
}

/** The Range header that asks for these bytes. */
export function formatRange(range: AskedRange): string {
  return range.kind === 'suffix' ? `bytes=-${range.length}` : `bytes=${range.first}-${range.last ?? ''}`
}

/** The bytes that the range has of a file of `size` bytes; null if it has none. */
export function spanOf(range: AskedRange, size: number): Span | null {
  const span =
    range.kind === 'suffix'
      ? { first: Math.max(0, size - range.length), last: size - 1 }
      : { first: range.first, last: Math.min(range.last ?? size - 1, size - 1) }
  return span.first < size ? span : null
}

/** What a Content-Range header says. */
export interface ContentRange {
  /** null in the answer to a range that the file does not have. */
  readonly span: Span | null
  /** Of the whole file, in bytes; null if the server does not say. */
  readonly size: number | null
}

const contentRangePattern = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/i

/** Reads a Content-Range header (RFC 9110, 14.4). null if there is none, or if it contradicts itself. */
export function parseContentRange(header: string | undefined): ContentRange | null {
  const found = contentRangePattern.exec(header?.trim() ?? '')
  if (found === null) return null
  const [, from, to, of] = found
  const size = of === undefined ? null : Number(of)
  if (from === undefined || to === undefined) return { span: null, size }
  const span = { first: Number(from), last: Number(to) }
  return span.last < span.first || (size !== null && span.last >= size) ? null : { span, size }
}
