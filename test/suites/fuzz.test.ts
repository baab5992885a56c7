import { beforeAll, expect, inject, test } from 'vitest'
import { promises } from './fuzz/breach.ts'
import { runFuzz, type FuzzReport } from './fuzz/fuzz-run.ts'

/** A small share of `npm run test:fuzz`. */
const share = { seed: 20_011, inputs: 1_000, forged: 400 }

let report: FuzzReport

beforeAll(async () => {
  report = await runFuzz({
    ...share,
    program: inject('program'),
    onProgress: () => {},
    signal: new AbortController().signal,
  })
}, 120_000)

test.each(promises)('with hostile input, %s', (promise) => {
  expect(report.breaches.filter((each) => each.promise === promise).map(({ detail }) => detail)).toEqual([])
})

test('the fuzzer reaches every layer: some inputs are accepted and most are refused', () => {
  const verdictsOf = (name: string) => [...(report.families.find((each) => each.name === name)?.verdicts.keys() ?? [])]
  expect(verdictsOf('documents')).toEqual(
    expect.arrayContaining(['POST 200', 'SSE 200', 'WebSocket next', 'POST 200 GRAPHQL_VALIDATION_FAILED']),
  )
  expect(verdictsOf('bodies')).toEqual(expect.arrayContaining(['200', '400', '401', '404', '405', '413', '415']))
  expect(verdictsOf('frames')).toEqual(
    expect.arrayContaining(['next', 'error', 'pong frame', 'closed 1002', 'closed 1009', 'closed 4400', 'closed 4401']),
  )
  expect(verdictsOf('callbacks')).toEqual(expect.arrayContaining(['200', '400', '404', '405']))
  expect(verdictsOf('provider answers')).toEqual(
    expect.arrayContaining(['order SeparateSuccess', 'order InvalidInputError', 'read SUCCESS', 'read UNAVAILABLE']),
  )
  expect(verdictsOf('forged callbacks')).toEqual(expect.arrayContaining(['200', '404']))
  expect(report.families.reduce((sum, { inputs }) => sum + inputs, 0)).toBeGreaterThanOrEqual(
    share.inputs + share.forged,
  )
  expect(report.charges).toBeGreaterThan(100)
  expect(report.forgeries.size).toBeGreaterThan(15)
})
