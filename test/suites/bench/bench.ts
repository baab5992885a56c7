import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { figures } from './figures/figures.ts'
import { measureFigures } from './measure-figures.ts'
import { compareRuns, printChanges } from './report/compare-runs.ts'
import { printRun } from './report/print-run.ts'
import type { Run } from './report/result.ts'
import { summarizeProfiles } from './report/summarize-profile.ts'

// Measures the built gateway, each figure beside its limit in the same run.

const usage = `Measures the built gateway, each figure beside its limit in the same run.

  npm run bench -- [options]

  --only <name>       one figure alone; may be given several times
  --rounds <number>   how often each figure is measured (5)
  --seconds <number>  how long each measurement of a rate lasts (2)
  --compare <file>    compares with the file of an earlier run
  --profile           also shows where the gateway spends its CPU time; it is slower then
  --help

Figures:

${figures.map(({ name, about }) => `  ${name.padEnd(12)}${about}`).join('\n')}

Each run is written to bench-results/. Mercurius, a peer, is installed with
npm ci --prefix test/suites/bench/peers.`

const root = fileURLToPath(new URL('../../../', import.meta.url))

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    compare: { type: 'string' },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  console.log(usage)
  process.exit(0)
}
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number above 0.')
if (!(seconds > 0)) throw new Error('--seconds is a number above 0.')
const names = figures.map(({ name }) => name)
const unknown = values.only?.find((name) => !names.includes(name))
if (unknown !== undefined) throw new Error(`There is no figure ${unknown}. The figures are ${names.join(', ')}.`)
// Read before anything is measured, so that a wrong path is told at once.
const earlier: Run | null = values.compare === undefined ? null : JSON.parse(await readFile(values.compare, 'utf8'))

const folder = join(root, 'bench-results')
await mkdir(folder, { recursive: true })
const profiles = values.profile ? await mkdtemp(join(folder, 'profiles-')) : null
// What ends by a signal runs no `exit` listener, which ends the servers.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const run = await measureFigures({
  program: join(root, 'dist/main.js'),
  figures: figures.filter(({ name }) => values.only?.includes(name) ?? true),
  rounds,
  seconds,
  profiles,
  onProgress: (line) => console.log(line),
})
console.log(`\n${printRun(run)}`)
if (earlier !== null) console.log(`\n${printChanges(earlier, compareRuns(earlier, run))}`)

if (profiles !== null) console.log(`\n${await summarizeProfiles(profiles)}`)

const file = join(folder, `${run.at.replaceAll(':', '-').slice(0, 19)}.json`)
await writeFile(file, `${JSON.stringify(run, null, 2)}\n`)
console.log(`\nWritten to ${file}`)
// Not by itself: a socket that was reset while its other side closed keeps Node 20 from ending.
process.exit(0)
