import { expect, inject, test } from 'vitest'
import { runFaults } from './faults/fault-run.ts'
import { printReport } from './faults/print-report.ts'

/** A small share of `npm run test:faults`, which runs 1,000 separations and 200 kills. */
const seed = 'a small share'
const separations = 40

test('nothing is charged twice or lost, no budget passed, despite network faults and ten crashes', async ({
  signal,
}) => {
  const report = await runFaults({
    program: inject('program'),
    seed,
    separations,
    kills: 10,
    oldTasks: 2_000,
    submitsPer10Seconds: 4,
    longestLifeMs: 300,
    unconfirmedAfterSeconds: 2,
    healWithinMs: 60_000,
    skipMinutesAfterMs: 0,
    onProgress: () => {},
    signal,
  })
  const struckKinds = [...report.struck.values()].filter((count) => count > 0).length
  const pointsOfDeath = [...report.killed.values()].filter((count) => count > 0).length
  if (report.breaches.length > 0) console.error(printReport(report, { seed, separations }))
  expect(report.breaches).toEqual([])
  // The faults and the crashes happened.
  expect(report.counts['charges in the ledger']).toBeGreaterThan(10)
  expect(report.counts['… whose budget is used up']).toBeGreaterThan(0)
  expect(report.counts['… refused because of a budget']).toBeGreaterThan(0)
  expect(report.killed.get('while old tasks are deleted')).toBeGreaterThan(0)
  expect(report.counts['… that waited in the queue']).toBeGreaterThan(0)
  expect(report.counts['webhooks that the receiver failed to take']).toBeGreaterThan(5)
  expect(pointsOfDeath).toBeGreaterThanOrEqual(6)
  expect(struckKinds).toBeGreaterThanOrEqual(8)
}, 180_000)
