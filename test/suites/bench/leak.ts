import { parseArgs } from 'node:util'
import { createSender } from './client.ts'
import { subscribeAndLeave } from './subscribe-and-leave.ts'
import { startWatchedGateway } from './watched-gateway.ts'

// Measures what a gateway keeps after subscribers leave: its memory before and after, and the remaining listeners.

const { values } = parseArgs({ options: { times: { type: 'string', default: '50000' } } })
const times = Number(values.times)
if (!Number.isInteger(times) || times < 1) throw new Error('--times is a whole number above 0.')
const warmUp = Math.min(times, 5_000)

const gateway = await startWatchedGateway({ SANDBOX_DELAY_MS: '3600000' })
const sender = createSender(1)
const taskId = await sender.order(gateway.url, 'done')
await subscribeAndLeave({ url: gateway.url, taskId, times: warmUp })
const before = await gateway.residentBytes()
const startedAt = performance.now()
const onProgress = (done: number) => console.log(`${done} of ${times}`)
await subscribeAndLeave({ url: gateway.url, taskId, times, onProgress })
const seconds = (performance.now() - startedAt) / 1_000
const after = await gateway.residentBytes()
const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
const left = Number(/^stemgate_subscriptions (\d+)/m.exec(metrics)?.[1])

const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`
console.log(`\n${times} subscribed and left, half of them by a reset, in ${seconds.toFixed(1)} s.`)
console.log(
  `Resident after ${warmUp} to warm up: ${mib(before)}; after all: ${mib(after)} (${mib(after - before)} more).`,
)
console.log(`Listeners left: ${left}.`)
await sender.close()
await gateway.close()
process.exit(left === 0 ? 0 : 1)
