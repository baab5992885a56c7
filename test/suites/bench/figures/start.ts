import { setTimeout as delay } from 'node:timers/promises'
import type { Ending } from '../../../support/gateway.ts'
import { withEndings } from '../../faults/endings.ts'
import { postRequest } from '../load/connection.ts'
import { readText } from '../load/documents.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { seedTasks, settledTasks } from '../load/seed-tasks.ts'
import { credential, sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { startServer, type ServerProcess } from '../servers/server-process.ts'
import { alternate } from './alternate.ts'
import type { Figure } from './figure.ts'

/** After its first answer, until the memory of a server is looked at. */
const idleMs = 1_000

export const start: Figure = {
  name: 'start',
  about: 'from the start of the process to the first answered query, and the memory of an idle gateway',
  async measure(setting) {
    const { folder, isPinned, servers, rounds, onProgress } = setting
    const tasks = settledTasks(1)
    await seedTasks(`${folder}/stemgate.db`, tasks)
    const request = postRequest('/graphql', { query: readText, variables: { taskId: tasks[0]?.id } }, credential)
    const megabytes = { bare: Array<number>(), gateway: Array<number>() }

    const timed = (name: 'bare' | 'gateway', begin: (atEnd: Ending) => Promise<ServerProcess>) => () =>
      withEndings(async (atEnd) => {
        const startedAtMs = performance.now()
        const server = await begin(atEnd)
        await createHttpLoad(server.url, 1).ask(request)
        const tookMs = performance.now() - startedAtMs
        await delay(idleMs)
        const resident = await server.residentBytes()
        if (resident !== null) megabytes[name].push(resident / 1e6)
        return tookMs
      })

    const values = await alternate(
      rounds,
      {
        bare: timed('bare', (atEnd) => startServer({ args: [servers.http], isPinned }, atEnd)),
        gateway: timed('gateway', (atEnd) => startBenchGateway(setting, { databaseUrl: sqliteUrl(folder) }, atEnd)),
      },
      onProgress,
    )
    return [
      {
        name: 'start to the first answer',
        unit: 'ms',
        better: 'less',
        gateway: values.gateway,
        limit: { name: 'bare node:http in a process of its own', rounds: values.bare },
        peers: [],
        goal: { of: 'ratio', bound: 'at most', value: 3 },
        notes: [],
      },
      {
        name: 'idle memory',
        unit: 'MB resident',
        better: 'less',
        gateway: megabytes.gateway,
        limit: { name: 'bare node:http in a process of its own', rounds: megabytes.bare },
        peers: [],
        goal: { of: 'value', bound: 'at most', value: 90 },
        notes: [],
      },
    ]
  },
}
