import * as fc from 'fast-check'
import rangeParser from 'range-parser'
import { expect, test } from 'vitest'
import { formatRange, parseContentRange, parseRange, spanOf, type AskedRange } from '../../src/stems/byte-range.ts'
import { planAnswer } from '../../src/stems/plan-answer.ts'

const position = fc.integer({ min: 0, max: 60 })
const sizes = fc.integer({ min: 0, max: 50 })
const ranges: fc.Arbitrary<AskedRange> = fc.oneof(
  fc.record({ kind: fc.constant('suffix' as const), length: position }),
  fc
    .tuple(position, fc.option(position))
    .map(([first, more]) => ({ kind: 'span' as const, first, last: more === null ? null : first + more })),
)

test('a range has the bytes that another implementation says', () => {
  fc.assert(
    fc.property(ranges, sizes, (range, size) => {
      // The other implementation knows no suffix that is longer than the file, which RFC 9110 takes for the whole.
      const isWhole = range.kind === 'suffix' && range.length > size && size > 0
      const reference = rangeParser(size, isWhole ? 'bytes=0-' : formatRange(range))
      const expected = Array.isArray(reference) ? { first: reference[0]?.start, last: reference[0]?.end } : null
      expect(parseRange(formatRange(range))).toEqual(range)
      expect(spanOf(range, size)).toEqual(expected)
    }),
    { numRuns: 2_000 },
  )
})

test('a header that is no range of bytes, or several, is ignored', () => {
  const headers = [
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=5-4',
    'bytes=1-2,5-6',
    'items=1-2',
    'bytes=1.5-2',
    'bytes=--1',
  ]
  expect(headers.map(parseRange)).toEqual(headers.map(() => null))
  expect(parseRange(undefined)).toBeNull()
  fc.assert(fc.property(fc.string(), (text) => parseRange(text) === null || /^bytes=/i.test(text)))
})

test('a Content-Range that contradicts itself is ignored', () => {
  expect(parseContentRange('bytes 0-9/10')).toEqual({ span: { first: 0, last: 9 }, size: 10 })
  expect(parseContentRange('bytes 0-9/*')).toEqual({ span: { first: 0, last: 9 }, size: null })
  expect(parseContentRange('bytes */10')).toEqual({ span: null, size: 10 })
  for (const text of ['bytes 9-0/10', 'bytes 0-10/10', 'bytes 0-9', 'lines 0-9/10', '']) {
    expect(parseContentRange(text)).toBeNull()
  }
})

/** What a file server may make of a range: the range, less than it, the whole file; with its size or without. */
const sources = fc.record({
  knowsRanges: fc.boolean(),
  tellsSize: fc.boolean(),
  isSizeKnown: fc.boolean(),
  shortBy: fc.integer({ min: 0, max: 3 }),
})

test('whatever a file server makes of a range, what is sent are the bytes of the range', () => {
  const outcomes = new Set<number | string>()
  fc.assert(
    fc.property(fc.option(ranges), fc.integer({ min: 1, max: 50 }), sources, (range, size, source) => {
      const bytes = Array.from({ length: size }, (_, at) => at)
      const span = range === null ? null : spanOf(range, size)
      // A server that knows ranges has refused this one before.
      fc.pre(!(source.knowsRanges && range !== null && span === null))
      const isPartial = source.knowsRanges && span !== null
      const last = isPartial ? Math.max(span.first, span.last - source.shortBy) : null
      const first = isPartial ? span.first : 0
      const body = bytes.slice(first, last === null ? undefined : last + 1)

      const plan = planAnswer(
        { first, last, size: source.tellsSize ? size : null },
        range,
        source.isSizeKnown ? size : null,
      )
      outcomes.add(plan.status)
      const isKnown = source.tellsSize || source.isSizeKnown
      switch (plan.status) {
        case 200:
          expect(range === null || (!isKnown && !isPartial)).toBe(true)
          expect(plan.size).toBe(isKnown ? size : null)
          expect(body).toEqual(bytes)
          break
        case 206: {
          const sent = body.slice(plan.span.first - first, plan.span.last - first + 1)
          expect(sent).toEqual(bytes.slice(plan.span.first, plan.span.last + 1))
          expect(plan.span.first).toBe(span?.first)
          expect(plan.span.last).toBe(Math.min(span?.last ?? -1, last ?? size))
          break
        }
        case 416:
          expect(isKnown && span === null).toBe(true)
          break
        case 'unusable':
          throw new Error('Each of these answers has the bytes.')
      }
    }),
    { numRuns: 3_000 },
  )
  expect(outcomes).toEqual(new Set([200, 206, 416]))
})

test('an answer that does not have the bytes is not used', () => {
  const span = { kind: 'span', first: 10, last: 19 } as const
  expect(planAnswer({ first: 15, last: 19, size: 100 }, span, null)).toEqual({ status: 'unusable' })
  expect(planAnswer({ first: 0, last: 5, size: 100 }, span, null)).toEqual({ status: 'unusable' })
  expect(planAnswer({ first: 0, last: 5, size: null }, span, null)).toEqual({ status: 'unusable' })
  expect(planAnswer({ first: 5, last: 99, size: 100 }, null, null)).toEqual({ status: 'unusable' })
  expect(planAnswer({ first: 0, last: 50, size: 100 }, null, null)).toEqual({ status: 'unusable' })
})
