import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { measureReads } from './bench/figures/read.ts'
import { stemStream } from './bench/figures/stems.ts'
import { compareRuns } from './bench/report/compare-runs.ts'
import { printRun } from './bench/report/print-run.ts'
import { isReached, medianRatio } from './bench/report/ratio.ts'
import type { Result, Run } from './bench/report/result.ts'
import { buildBareServers } from './bench/servers/build-servers.ts'

function result(change: Partial<Result>): Result {
  return {
    name: 'read',
    unit: 'requests/s',
    better: 'more',
    gateway: [50, 10, 60],
    limit: { name: 'bare', rounds: [100, 20, 100] },
    peers: [],
    goal: null,
    notes: [],
    ...change,
  }
}

function run(...results: readonly Result[]): Run {
  return { at: '2030-01-01T00:00:00.000Z', machine: '2 cores', load: [0, 0], commit: null, results }
}

test('a ratio is the median of the ratios of each round, so that a slow round counts on neither side', () => {
  expect(medianRatio([50, 10, 60], [100, 20, 100])).toBe(0.5)
  expect(medianRatio([], [100])).toBeNull()
})

test('a goal bounds the ratio to the limit, or the value itself', () => {
  expect(isReached(result({ goal: { of: 'ratio', bound: 'at least', value: 0.5 } }))).toBe(true)
  expect(isReached(result({ goal: { of: 'value', bound: 'at most', value: 49 } }))).toBe(false)
  expect(isReached(result({ goal: { of: 'ratio', bound: 'at least', value: 0.5 }, limit: null }))).toBeNull()
  expect(isReached(result({}))).toBeNull()
})

test('two runs are compared by what both have measured, and less is a gain where less is better', () => {
  const earlier = run(result({}), result({ name: 'start', better: 'less', gateway: [400], limit: null }))
  const later = run(
    result({ gateway: [100, 20, 120] }),
    result({ name: 'start', better: 'less', gateway: [100], limit: null }),
    result({ name: 'new' }),
  )
  expect(compareRuns(earlier, later)).toEqual([
    { name: 'read', unit: 'requests/s', before: 50, after: 100, gain: 2, gainOfRatio: 2 },
    { name: 'start', unit: 'requests/s', before: 400, after: 100, gain: 4, gainOfRatio: null },
  ])
})

test('the table shows each value beside its limit and its goal', () => {
  const goal = { of: 'ratio', bound: 'at least', value: 0.6 } as const
  const text = printRun(run(result({ goal, notes: ['It was quick.'] })))
  expect(text).toMatch(/^read +requests\/s +50\.0 +10\.0 … 60\.0 +100 +0\.50 +≥ 0\.60 × limit +missed$/m)
  expect(text).toContain('read: It was quick.')
})

test('streams of stems are measured beside a bare pipe', async ({ onTestFinished: atEnd }) => {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const results = await stemStream.measure(
    {
      program: inject('program'),
      servers: await buildBareServers(join(folder, 'servers')),
      isPinned: false,
      folder,
      rounds: 1,
      seconds: 0.02,
      profiles: null,
      onProgress: () => {},
    },
    atEnd,
  )
  expect(results).toHaveLength(4)
  for (const { gateway, limit } of results) expect([gateway.length, limit?.rounds.length]).toEqual([1, 1])
})

test('a run measures the gateway beside its limit', async ({ onTestFinished: atEnd }) => {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const results = await measureReads(
    {
      program: inject('program'),
      servers: await buildBareServers(join(folder, 'servers')),
      isPinned: false,
      folder,
      rounds: 1,
      seconds: 0.2,
      profiles: null,
      onProgress: () => {},
      name: 'read',
      tasks: 10,
      goal: 0.4,
    },
    atEnd,
  )
  expect(results[0]).toMatchObject({ gateway: [expect.any(Number)], limit: { rounds: [expect.any(Number)] } })
})
