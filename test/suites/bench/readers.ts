import { parseArgs } from 'node:util'
import { withEndings } from '../faults/endings.ts'
import { measureReaders, type ReadersOptions } from './measure-readers.ts'
import { printReaders } from './print-readers.ts'

// Measures how stalled subscribers delay the results of other subscribers.

const options = {
  readers: { type: 'string', default: '1000' },
  stuck: { type: 'string', default: '1000' },
  // So many of the stuck ones ask for more than the system's buffers hold; each takes some 3 MiB of the machine's memory.
  deep: { type: 'string', default: '100' },
  rounds: { type: 'string', default: '7' },
  // Of so many readers the task changes in each measurement.
  changes: { type: 'string', default: '300' },
  'changes-per-second': { type: 'string', default: '50' },
  // What the stuck ones ask for while it is measured; to come again after half a minute takes two thirds of it.
  'asks-per-second': { type: 'string', default: '50' },
} as const
const { values } = parseArgs({
  options: { ...options, reading: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
})
if (values.help) {
  const names = Object.entries(options).map(([name, option]) => `  --${name} ${option.default}`)
  console.log(
    `Options, each a whole number above 0:\n${names.join('\n')}\n  --reading: the stuck ones read after all, to see what their asking costs by itself`,
  )
  process.exit(0)
}
const numberOf = (name: keyof typeof options): number => {
  const number = Number(values[name])
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} is a whole number above 0.`)
  return number
}
const given: ReadersOptions = {
  readers: numberOf('readers'),
  stuck: numberOf('stuck'),
  deep: numberOf('deep'),
  rounds: numberOf('rounds'),
  changes: numberOf('changes'),
  changesPerSecond: numberOf('changes-per-second'),
  asksPerSecond: numberOf('asks-per-second'),
  reads: values.reading,
  onProgress: (line) => console.log(line),
}

/** By how much more the good ones may wait, in their median and in their 95th percentile. */
const mostTimes = 1.2
/** What may be unread, and the answers on their way when it is noticed. */
const mostBytes = 1.25 * 1024 * 1024
const rounds = await withEndings((atEnd) => measureReaders(given, atEnd))
const { text, p50Times, p95Times, mostOfOneBytes, holding } = printReaders(rounds)
const areStuck = values.reading || holding > 0
const isReached = areStuck && p50Times < mostTimes && p95Times < mostTimes && mostOfOneBytes < mostBytes
console.log(`\n${text}`)
if (!areStuck) console.log('Nobody was stuck, so that nothing was measured.')
console.log(`Targets: less than ${mostTimes} times, and 1 MiB for each. ${isReached ? 'Reached.' : 'Not reached.'}`)
process.exit(isReached ? 0 : 1)
