import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { breachKinds } from './evidence.ts'
import { buildGateway } from './gateway-process.ts'
import { runFaults } from './fault-run.ts'
import { printReport } from './print-report.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    separations: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '200' },
  },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const { seed } = values
const separations = Number(values.separations)
const kills = Number(values.kills)
console.log(
  `${separations} separations, ${kills} kills, seed ${seed}; to play it again: npm run test:faults -- --seed ${seed}`,
)
const folder = await mkdtemp(join(tmpdir(), 'stemgate-faults-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const report = await runFaults({
  program: await buildGateway(folder),
  seed,
  separations,
  kills,
  oldTasks: 20_000,
  submitsPer10Seconds: 40,
  longestLifeMs: 1_000,
  unconfirmedAfterSeconds: 8,
  // The lease of a killed check ends after a minute.
  healWithinMs: 150_000,
  skipMinutesAfterMs: 75_000,
  onProgress: (line) => console.log(line),
  signal: new AbortController().signal,
})
console.log(printReport(report, { seed, separations }))
process.exitCode = breachKinds.some((kind) => report.breaches.some((breach) => breach.kind === kind)) ? 1 : 0
