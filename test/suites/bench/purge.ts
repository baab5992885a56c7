import { parseArgs } from 'node:util'
import { withEndings } from '../faults/endings.ts'
import { measurePurge, storeKinds } from './measure-purge.ts'

// How long orders and reads take while old tasks are deleted, beside how long they take without that.

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '100000' },
    // Of each caller: the fewer callers, the larger their parts of the indexes.
    owners: { type: 'string', default: '100' },
    store: { type: 'string', default: storeKinds.join(',') },
    // How long orders and reads are measured without deleting.
    seconds: { type: 'string', default: '20' },
    // For how long tasks are deleted at most.
    minutes: { type: 'string', default: '600' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(
    'Options: --tasks 100000  --owners 100  --seconds 20  --minutes 600  --store sqlite,postgres (at TEST_POSTGRES_URL)',
  )
  process.exit(0)
}
function numberOf(name: 'tasks' | 'owners' | 'seconds' | 'minutes'): number {
  const number = Number(values[name])
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} is a whole number above 0.`)
  return number
}

/** In milliseconds. */
const longestMs = 100
const options = {
  tasks: numberOf('tasks'),
  owners: numberOf('owners'),
  seconds: numberOf('seconds'),
  minutes: numberOf('minutes'),
}
const kinds = storeKinds.filter((kind) => values.store.split(',').includes(kind))
if (kinds.length === 0) throw new Error(`--store is one of ${storeKinds.join(', ')}.`)

let isReached = true
for (const kind of kinds) {
  const result = await withEndings((atEnd) => measurePurge({ ...options, kind, onProgress: console.log }, atEnd))
  const { idle, purging, deleted, seconds, bytesPerTombstone } = result
  console.log(
    `\n${kind}: ${deleted} tasks deleted in ${seconds.toFixed(1)} s, ${Math.round(deleted / seconds)} a second`,
  )
  if (bytesPerTombstone !== null) console.log(`${bytesPerTombstone.toFixed(0)} bytes remain of each task`)
  console.log(`${'ms'.padEnd(22)}${'p50'.padStart(9)}${'p95'.padStart(9)}${'p99'.padStart(9)}${'longest'.padStart(9)}`)
  for (const what of ['order', 'read', 'loop'] as const) {
    for (const [name, measured] of [
      ['', idle],
      [', deleting', purging],
    ] as const) {
      const { p50, p95, p99, max } = measured[what]
      const cells = [p50, p95, p99, max].map((ms) => ms.toFixed(1).padStart(9))
      console.log(`${(what + name).padEnd(22)}${cells.join('')}`)
    }
    const ratio = (of: 'p50' | 'p95' | 'p99' | 'max') =>
      (purging[what][of] / Math.max(0.01, idle[what][of])).toFixed(2).padStart(9)
    console.log(`${`${what}, ratio`.padEnd(22)}${ratio('p50')}${ratio('p95')}${ratio('p99')}${ratio('max')}`)
  }
  // What the machine does without deleting is not what deleting does.
  const allowedMs = (what: 'order' | 'read') => Math.max(longestMs, idle[what].max)
  if (purging.order.max > allowedMs('order') || purging.read.max > allowedMs('read')) isReached = false
}
console.log(
  `\nTarget: no order and no read waits for more than ${longestMs} ms, or than the longest without deleting. ` +
    (isReached ? 'Reached.' : 'Not reached.'),
)
process.exit(isReached ? 0 : 1)
