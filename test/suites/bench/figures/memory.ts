import type { Ending } from '../../../support/gateway.ts'
import { withEndings } from '../../faults/endings.ts'
import { median } from '../latency.ts'
import { pendingMark } from '../load/audience.ts'
import { watchText } from '../load/documents.ts'
import { pendingTasks, seedTasks } from '../load/seed-tasks.ts'
import { openBenchSockets } from '../load/web-sockets.ts'
import type { Result } from '../report/result.ts'
import { sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { startServer, type ServerProcess } from '../servers/server-process.ts'
import type { Figure } from './figure.ts'

const subscriptions = 5_000
/** Opened before the memory is looked at for the first time, so that what is compiled and cached counts nowhere. */
const earlier = 200
/** Memory hardly differs from round to round. */
const mostRounds = 3

interface Footprint {
  readonly liveKib: number
  readonly residentKib: number
}

export const memory: Figure = {
  name: 'memory',
  about: 'live and resident memory per idle subscription, with 5,000 WebSockets',
  async measure(setting) {
    const { folder, servers, isPinned, onProgress } = setting
    const seeded = pendingTasks(earlier + subscriptions)
    await seedTasks(`${folder}/stemgate.db`, seeded)
    const tasks = seeded.map(({ id }) => id)
    const [shared = ''] = tasks
    const gateway = (atEnd: Ending) =>
      startBenchGateway(setting, { databaseUrl: sqliteUrl(folder), reportsMemory: true }, atEnd)
    const bare = (atEnd: Ending) =>
      startServer({ args: [servers.webSocket], isPinned, memoryReporter: servers.memoryReporter }, atEnd)

    const footprints: Record<'bare' | 'own' | 'shared', Footprint[]> = { bare: [], own: [], shared: [] }
    for (let round = 1; round <= Math.min(setting.rounds, mostRounds); round++) {
      footprints.bare.push(await footprintOf(bare, () => shared))
      footprints.own.push(await footprintOf(gateway, (nth) => tasks[nth] ?? shared))
      footprints.shared.push(await footprintOf(gateway, () => shared))
      const last = Object.entries(footprints).map(([name, all]) => `${name} ${all.at(-1)?.liveKib.toFixed(1)} KiB`)
      onProgress(`round ${round}: ${last.join(', ')}`)
    }

    const result = (of: 'own' | 'shared', name: string): Result => ({
      name: `memory per subscription, ${name}`,
      unit: 'KiB live',
      better: 'less',
      gateway: footprints[of].map(({ liveKib }) => liveKib),
      limit: { name: 'a bare ws server', rounds: footprints.bare.map(({ liveKib }) => liveKib) },
      peers: [],
      goal: { of: 'value', bound: 'at most', value: 8 },
      notes: [
        `${median(footprints[of].map(({ residentKib }) => residentKib)).toFixed(1)} KiB resident, ` +
          `${median(footprints.bare.map(({ residentKib }) => residentKib)).toFixed(1)} KiB for a bare ws server.`,
      ],
    })
    return [result('own', 'each of its own task'), result('shared', 'all of one task')]
  },
}

/** What one subscription takes in a new process. */
function footprintOf(
  start: (atEnd: Ending) => Promise<ServerProcess>,
  taskOf: (nth: number) => string,
): Promise<Footprint> {
  return withEndings(async (atEnd) => {
    const server = await start(atEnd)
    const watch = (from: number, count: number) =>
      new Promise<void>((resolve, reject) => {
        let told = 0
        const onMessage = (_nth: number, json: Buffer) => {
          if (json.includes(pendingMark) && ++told === count) resolve()
        }
        openBenchSockets(
          {
            url: server.url,
            count,
            onMessage,
            onBreak: reject,
            onOpen: (nth, socket) => socket.subscribe(watchText, taskOf(from + nth)),
          },
          atEnd,
        ).catch(reject)
      })
    await watch(0, earlier)
    const [liveBefore, residentBefore] = [await server.liveBytes(), await server.residentBytes()]
    await watch(earlier, subscriptions)
    const [live, resident] = [await server.liveBytes(), await server.residentBytes()]
    const kibEach = (bytes: number) => bytes / 1024 / subscriptions
    return { liveKib: kibEach(live - liveBefore), residentKib: kibEach((resident ?? 0) - (residentBefore ?? 0)) }
  })
}
