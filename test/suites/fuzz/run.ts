import { parseArgs } from 'node:util'
import { printFuzzReport } from './print-fuzz-report.ts'
import { runFuzz } from './fuzz-run.ts'

// Sends hostile inputs of every kind to two gateways of their own, and tells which promises were not kept.

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    inputs: { type: 'string', default: '20000' },
    forged: { type: 'string', default: '5000' },
    help: { type: 'boolean', default: false },
  },
})
const [seed, inputs, forged] = [values.seed, values.inputs, values.forged].map(Number)

if (values.help) {
  console.log(`npm run test:fuzz -- [--seed N] [--inputs N] [--forged N]

  --seed    what everything is made from; chance unless it is given, and printed
  --inputs  how many documents, bodies, frames, callbacks and provider's answers, together (20000)
  --forged  how many callbacks are forged (5000)

Ctrl-C ends the sending early; what was sent is judged and told of all the same.`)
} else if (!isCount(seed) || !isCount(inputs) || !isCount(forged)) {
  console.error('--seed, --inputs and --forged are whole numbers, 0 or more.')
  process.exitCode = 1
} else {
  const ending = new AbortController()
  // The first one ends the sending, and what was sent is told of; the second one ends everything.
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => (ending.signal.aborted ? process.exit(1) : ending.abort()))
  }
  const again = `npm run test:fuzz -- --seed ${seed} --inputs ${inputs} --forged ${forged}`
  console.log(`${inputs} inputs, ${forged} forged callbacks, seed ${seed}; to play it again: ${again}`)
  const { signal } = ending
  const report = await runFuzz({ seed, inputs, forged, signal, onProgress: (line) => console.log(line) })
  console.log(`\n${printFuzzReport(report, seed)}`)
  process.exitCode = report.breaches.length > 0 ? 1 : 0
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0
}
