import { setTimeout as sleep } from 'node:timers/promises'
import { pendingMark, settledMark } from '../load/audience.ts'
import { callbackRequest } from '../load/callback-requests.ts'
import { dashboardText } from '../load/documents.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { startInstantProvider } from '../load/instant-provider.ts'
import { pendingTasks, seedTasks } from '../load/seed-tasks.ts'
import { createTally } from '../load/tally.ts'
import { openBenchSockets } from '../load/web-sockets.ts'
import { sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import type { Figure } from './figure.ts'

const count = 1_000
/** How long the gateway may finish what it began, so that its CPU time counts where it belongs, in milliseconds. */
const settleMs = 300

export const dashboards: Figure = {
  name: 'dashboards',
  about: 'from the first byte of a callback to the last of 1,000 equal dashboards of many tasks, over WebSocket',
  async measure(setting, atEnd) {
    const { folder, rounds, onProgress } = setting
    // Small, because each dashboard begins with all of them.
    const tasks = pendingTasks(rounds + 1)
    await seedTasks(`${folder}/stemgate.db`, tasks)
    const provider = await startInstantProvider(atEnd)
    const databaseUrl = sqliteUrl(folder)
    const gateway = await startBenchGateway(setting, { databaseUrl, providerUrl: provider.url }, atEnd)
    const tally = createTally(count)
    const onMessage = (_nth: number, json: Buffer) => {
      if (json.includes(settledMark)) tally.settled()
      else if (json.includes(pendingMark)) tally.pending()
    }
    const sockets = await openBenchSockets({ url: gateway.url, count, onMessage, onBreak: tally.fail }, atEnd)
    const begun = tally.pendingReaches(count * tasks.length)
    for (const socket of sockets) socket.subscribe(dashboardText, 'unused')
    await begun
    const load = createHttpLoad(gateway.url, 1)
    const values: number[] = []
    const cpuMicroseconds: number[] = []
    for (const task of tasks) {
      // No task is told to be pending again.
      void tally.begin().catch(() => {})
      await sleep(settleMs)
      const before = await gateway.cpuSeconds()
      const told = tally.told()
      const { sentAtMs } = await load.ask(callbackRequest(task))
      values.push((await told) - sentAtMs)
      await sleep(settleMs)
      const after = await gateway.cpuSeconds()
      if (before !== null && after !== null) cpuMicroseconds.push(((after - before) * 1e6) / count)
      onProgress(`${values.at(-1)?.toFixed(1)} ms, ${cpuMicroseconds.at(-1)?.toFixed(1)} µs of CPU for each dashboard`)
    }
    const common = { better: 'less', limit: null, peers: [], goal: null, notes: [] } as const
    const name = `fan-out to ${count.toLocaleString('en')} dashboards over WebSocket`
    return [
      // The first of each is the one before the first round.
      { ...common, name, unit: 'ms', gateway: values.slice(1) },
      { ...common, name: `${name}, CPU`, unit: 'µs/subscriber', gateway: cpuMicroseconds.slice(1) },
    ]
  },
}
