import { expect, inject, test } from 'vitest'
import { playRollingRestart, printRollingReport } from './rolling/rolling-restart.ts'
import { findPostgres, findRedis, newPostgresDatabase } from '../support/services.ts'

const redisUrl = await findRedis()
const isPossible = (await findPostgres()) !== null && redisUrl !== null

test.skipIf(!isPossible)(
  'three gateways restart one after the other without a double charge, a lost task or an unanswered caller',
  async ({ signal, onTestFinished }) => {
    const program = inject('program')
    const shared = { DATABASE_URL: await newPostgresDatabase(onTestFinished), REDIS_URL: redisUrl ?? '' }
    const run = { program, shared, gateways: 3, frontends: 6, rounds: 1, waitsForFrontends: true, signal }
    const report = await playRollingRestart(run, onTestFinished)
    console.log(printRollingReport(report))

    expect(report.restarts.map(({ exit }) => exit)).toEqual([0, 0, 0])
    expect(report.breaches).toEqual([])
    expect(report.charges).toBe(report.orders)
    // The sockets were closed by the restarts, and by nothing else.
    expect(report.closes).toEqual({ 1012: expect.any(Number) })
    expect(report.closes[1012]).toBeGreaterThanOrEqual(3)
    expect(report.unopened).toEqual({})
    expect(report.callbacks.exhausted).toBe(0)
    // Some tasks were pending during the restarts.
    expect(report.charges).toBeGreaterThan(30)
  },
  180_000,
)
