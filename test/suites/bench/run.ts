import { parseArgs } from 'node:util'
import { measureScale, printScale } from './scale.ts'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '600' },
    rounds: { type: 'string', default: '3' },
    // How many sockets share the tasks that are watched.
    subscribers: { type: 'string', default: '100' },
  },
})
const [tasks, rounds, subscribers] = [values.tasks, values.rounds, values.subscribers].map(Number)
if (![tasks, rounds, subscribers].every((each) => Number.isInteger(each) && Number(each) > 0)) {
  throw new Error('--tasks, --rounds and --subscribers are whole numbers above 0.')
}
const breakOff = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => breakOff.abort(new Error(signal)))

const configurations = await measureScale({
  tasks: tasks ?? 0,
  rounds: rounds ?? 0,
  subscribers: subscribers ?? 0,
  onProgress: (line) => console.log(line),
  signal: breakOff.signal,
})
console.log(`\n${printScale(configurations)}`)
// Not by itself: a socket that was reset while its other side closed keeps Node 20 from ending.
process.exit(0)
