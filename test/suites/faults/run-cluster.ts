import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { FaultPlan } from './cluster-faults.ts'
import { runClusterFaults } from './cluster-run.ts'
import { withEndings } from './endings.ts'
import { buildGateway } from './gateway-process.ts'
import { playJoining } from './joining.ts'
import { printClusterReport, printJoiningReport, printPaceReport } from './print-report.ts'
import { measurePace } from './shared-pace.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    separations: { type: 'string', default: '450' },
    // What each fault's number is multiplied with.
    share: { type: 'string', default: '1' },
    stops: { type: 'string', default: '2' },
    callers: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '50' },
    only: { type: 'string', default: '' },
    // The gateways share PostgreSQL alone.
    'without-redis': { type: 'boolean', default: false },
  },
})
const breakOff = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => breakOff.abort(new Error(signal)))

const { seed, only } = values
const separations = Number(values.separations)
const gateways = 4
const times = (count: number) => Math.round(count * Number(values.share))
const faults: FaultPlan = {
  'Redis restarted': times(20),
  'CLIENT KILL TYPE normal': times(5),
  'CLIENT KILL TYPE pubsub': times(5),
  "PostgreSQL's backends ended": times(20),
  'PostgreSQL half open at one gateway': times(3),
  'PostgreSQL half open at all': times(3),
  'Redis half open at one gateway': times(3),
  'Redis half open at all': times(3),
  'PostgreSQL and Redis away together': times(4),
  'a gateway killed': times(6),
  'Redis away all the while': times(1),
}
const hasRedis = !values['without-redis']
const common = { gateways, hasRedis, onProgress: (line: string) => console.log(line), signal: breakOff.signal }
console.log(`seed ${seed}; to play it again: npm run test:faults:cluster -- --seed ${seed}`)

let breaches = 0
await withEndings(async (atEnd) => {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-cluster-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const program = await buildGateway(join(folder, 'build'))

  if (only === '' || only === 'faults') {
    console.log(
      `\n${separations} separations under faults of ${hasRedis ? 'PostgreSQL, Redis' : 'PostgreSQL'}, gateways and networks`,
    )
    const report = await withEndings((end) =>
      runClusterFaults(
        {
          ...common,
          seed,
          program,
          separations,
          oldTasks: 20_000,
          faults,
          stops: Number(values.stops),
          unconfirmedAfterSeconds: 40,
          healWithinMs: 150_000,
          skipMinutesAfterMs: 60_000,
        },
        end,
      ),
    )
    console.log(printClusterReport(report, { seed, separations }))
    breaches += report.breaches.length
  }

  if (only === '' || only === 'pace') {
    const pace = { program, hasRedis, tasks: 30, intervalSeconds: 1, intervals: 10, signal: breakOff.signal }
    for (const [size, readsPerSecond, submitsPer10Seconds] of [
      [1, null, null],
      [gateways, null, null],
      [gateways, 15, 12],
    ] as const) {
      const rates =
        readsPerSecond === null ? 'no rates' : `${readsPerSecond} reads a second, ${submitsPer10Seconds} orders in 10 s`
      console.log(`\nPending tasks, once per interval; ${size} gateways; ${rates}`)
      const report = await withEndings((end) =>
        measurePace({ ...pace, gateways: size, readsPerSecond, submitsPer10Seconds }, end),
      )
      console.log(printPaceReport(report))
      breaches += report.breaches.length
    }
  }

  if (only === '' || only === 'joining') {
    console.log('\nMany callers, one track')
    const rounds = { callers: Number(values.callers), rounds: Number(values.rounds), refusedRounds: 10 }
    const report = await withEndings((end) => playJoining({ ...common, ...rounds, program }, end))
    console.log(printJoiningReport(report))
    breaches += report.breaches.length
  }
})
console.log(`\n${breaches} breaches`)
// Not `exitCode`: a socket that was reset while its other side closed keeps Node 20 from ending.
process.exit(breaches > 0 ? 1 : 0)
