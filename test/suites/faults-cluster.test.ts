import { describe, expect, inject, test } from 'vitest'
import { runClusterFaults, type ClusterReport } from './faults/cluster-run.ts'
import { printClusterReport } from './faults/print-report.ts'
import { findPostgres, findRedis } from '../support/services.ts'

/** A small share of `npm run test:faults:cluster`. */
const isPossible = (await findPostgres()) !== null && (await findRedis()) !== null
const noFaults = {
  'Redis restarted': 0,
  'CLIENT KILL TYPE normal': 0,
  'CLIENT KILL TYPE pubsub': 0,
  "PostgreSQL's backends ended": 0,
  'PostgreSQL half open at one gateway': 0,
  'PostgreSQL half open at all': 0,
  'Redis half open at one gateway': 0,
  'Redis half open at all': 0,
  'PostgreSQL and Redis away together': 0,
  'a gateway killed': 0,
  'Redis away all the while': 0,
}
const withinMs = 180_000

/** Budgets, webhooks and the deletion of old tasks met the faults. */
function expectAllMet({ counts }: ClusterReport): void {
  expect(counts['… refused because of a budget']).toBeGreaterThan(0)
  expect(counts['webhooks that the receiver failed to take']).toBeGreaterThan(0)
  expect(counts['old tasks deleted during the faults']).toBeGreaterThan(0)
}

describe.skipIf(!isPossible).concurrent('gateways that share PostgreSQL and Redis', () => {
  const program = inject('program')
  const common = {
    seed: 'a small share',
    oldTasks: 400,
    unconfirmedAfterSeconds: 5,
    healWithinMs: 30_000,
    skipMinutesAfterMs: 0,
  }

  test(
    'charge nothing twice, lose nothing, pass no budget and answer every caller despite faults of the shared servers',
    async ({ signal, onTestFinished }) => {
      const faults = {
        ...noFaults,
        'Redis restarted': 1,
        'CLIENT KILL TYPE normal': 1,
        'CLIENT KILL TYPE pubsub': 1,
        "PostgreSQL's backends ended": 1,
        'PostgreSQL half open at one gateway': 1,
        'Redis half open at one gateway': 1,
        'PostgreSQL and Redis away together': 1,
        'a gateway killed': 1,
      }
      const run = { ...common, program, gateways: 3, separations: 24, faults, stops: 0, onProgress: () => {}, signal }
      const report = await runClusterFaults(run, onTestFinished)
      if (report.breaches.length > 0) console.error(printClusterReport(report, run))
      expect(report.breaches).toEqual([])
      // The faults happened.
      expect(report.recoveries.filter(({ met }) => met > 0)).toHaveLength(8)
      expect(report.counts['charges in the ledger']).toBeGreaterThan(35)
      expectAllMet(report)
    },
    withinMs,
  )

  test(
    'do all of that without Redis',
    async ({ signal, onTestFinished }) => {
      const faults = {
        ...noFaults,
        "PostgreSQL's backends ended": 1,
        'PostgreSQL half open at one gateway': 1,
        'a gateway killed': 1,
      }
      const run = {
        ...common,
        program,
        gateways: 3,
        hasRedis: false,
        separations: 12,
        faults,
        stops: 0,
        onProgress: () => {},
        signal,
      }
      const report = await runClusterFaults(run, onTestFinished)
      if (report.breaches.length > 0) console.error(printClusterReport(report, run))
      expect(report.breaches).toEqual([])
      expect(report.recoveries.filter(({ met }) => met > 0)).toHaveLength(3)
      expect(report.counts['charges in the ledger']).toBeGreaterThan(15)
      expectAllMet(report)
    },
    withinMs,
  )

  test(
    'settle the tasks of a suspended gateway, which repeats nothing after it resumes',
    async ({ signal, onTestFinished }) => {
      const run = {
        ...common,
        program,
        gateways: 2,
        separations: 4,
        oldTasks: 100,
        faults: noFaults,
        stops: 1,
        unconfirmedAfterSeconds: 40,
        onProgress: () => {},
        signal,
      }
      const report = await runClusterFaults(run, onTestFinished)
      if (report.breaches.length > 0) console.error(printClusterReport(report, run))
      expect(report.breaches).toEqual([])
      expect(report.settledAfterStopsMs).toHaveLength(1)
    },
    withinMs,
  )
})
