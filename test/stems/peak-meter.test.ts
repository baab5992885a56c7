import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPeakMeter, maxima, storedBuckets } from '../../src/stems/peaks/peak-meter.ts'

test('parts of equal length hold the maxima of their values, whatever the numbers of both', () => {
  const values = fc.array(fc.nat(255), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 400 }), (all, count) => {
      const parts = maxima(all, count)
      expect(parts).toHaveLength(count)
      expect(Math.max(...parts)).toBe(Math.max(...all))
      for (const [part, max] of parts.entries()) {
        const from = Math.floor((part * all.length) / count)
        const to = Math.max(from + 1, Math.ceil(((part + 1) * all.length) / count))
        expect(max).toBe(Math.max(...all.slice(from, to)))
      }
    }),
    { numRuns: 500 },
  )
})

test('a meter measures the same however the samples are cut, and takes no more than it was made for', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 5 }), (lengths) => {
      const sampleAt = (at: number) => ((at * 31) % 200) / 200 - 0.5
      const [cut, whole] = [createPeakMeter(8_000), createPeakMeter(8_000)]
      let at = 0
      for (const length of lengths) {
        const from = at
        cut.add([Float32Array.from({ length }, (_, nth) => sampleAt(from + nth))])
        at += length
      }
      whole.add([Float32Array.from({ length: at }, (_, nth) => sampleAt(nth))])
      expect(cut.samples()).toBe(Math.min(at, 8_000))
      expect(cut.read()).toEqual(whole.read())
      if (at > 0) expect(cut.read()).toHaveLength(storedBuckets)
    }),
    { numRuns: 100 },
  )
})
