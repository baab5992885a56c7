import type { Ending } from '../../../support/gateway.ts'
import { postRequest } from '../load/connection.ts'
import { readText } from '../load/documents.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { seedTasks, settledTasks } from '../load/seed-tasks.ts'
import { watchUsage } from '../load/usage.ts'
import type { Result } from '../report/result.ts'
import { credential, sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { howToInstallPeers, startMercurius } from '../servers/mercurius.ts'
import { startServer, type ServerProcess } from '../servers/server-process.ts'
import { alternate } from './alternate.ts'
import type { Figure, Setting } from './figure.ts'

const connections = 64
export const readOne: Figure = {
  name: 'read',
  about: 'reads of one settled task with every field',
  measure: (setting, atEnd) => measureReads({ ...setting, tasks: 1, name: 'read one task', goal: 0.5 }, atEnd),
}

export const readMany: Figure = {
  name: 'read-many',
  about: 'the same of 10,000 tasks at random, after each was read once',
  measure: (setting, atEnd) =>
    measureReads({ ...setting, tasks: 10_000, name: 'read one of 10,000 tasks', goal: 0.4 }, atEnd),
}

export interface ReadSetting extends Setting {
  /** The name of the result. */
  readonly name: string
  /** How many tasks there are, one of which each read asks for. */
  readonly tasks: number
  /** The least ratio to the limit. */
  readonly goal: number
}

export async function measureReads(setting: ReadSetting, atEnd: Ending): Promise<readonly Result[]> {
  const { folder, seconds, isPinned } = setting
  const tasks = settledTasks(setting.tasks)
  await seedTasks(`${folder}/stemgate.db`, tasks)
  const requests = tasks.map(({ id: taskId }) =>
    postRequest('/graphql', { query: readText, variables: { taskId } }, credential),
  )
  const [first = Buffer.alloc(0)] = requests
  const next = () => requests[Math.floor(Math.random() * requests.length)] ?? first

  const gateway = await startBenchGateway(setting, { databaseUrl: sqliteUrl(folder) }, atEnd)
  const answer = await answerOf(gateway, first)
  const separation: object = JSON.parse(answer).data.separation
  const bare = await startServer({ args: [setting.servers.http], environment: { ANSWER: answer }, isPinned }, atEnd)
  const mercurius = await startMercurius(
    tasks.map(({ id }) => ({ ...separation, id })),
    setting,
    atEnd,
  )
  if (mercurius !== null && (await answerOf(mercurius, first)) !== answer) {
    throw new Error('Mercurius answers with other bytes than the gateway.')
  }

  // Whoever keeps answers has kept them all by then, as after some time in production.
  for (const server of [gateway, ...(mercurius === null ? [] : [mercurius])]) {
    await createHttpLoad(server.url, connections).runTimes(requests.length, (index) => requests[index] ?? first)
  }
  const usage = watchUsage()
  const rateOf = (server: ServerProcess) => () =>
    usage.during(server, () => createHttpLoad(server.url, connections).runFor(seconds, next))
  const values = await alternate<string>(
    setting.rounds,
    {
      bare: rateOf(bare),
      gateway: rateOf(gateway),
      ...(mercurius === null ? {} : { mercurius: rateOf(mercurius) }),
    },
    setting.onProgress,
  )
  return [
    {
      name: setting.name,
      unit: 'requests/s',
      better: 'more',
      gateway: values['gateway'] ?? [],
      limit: { name: 'bare node:http that reads the body and sends the same bytes', rounds: values['bare'] ?? [] },
      peers: mercurius === null ? [] : [{ name: 'Mercurius, JIT, memory', rounds: values['mercurius'] ?? [] }],
      goal: { of: 'ratio', bound: 'at least', value: setting.goal },
      notes: [...usage.notes(), ...(mercurius === null ? [howToInstallPeers] : [])],
    },
    {
      name: `${setting.name}, CPU`,
      unit: 'µs/request',
      better: 'less',
      gateway: usage.cpuPerUnit(gateway),
      limit: { name: 'bare node:http, as above', rounds: usage.cpuPerUnit(bare) },
      peers: mercurius === null ? [] : [{ name: 'Mercurius, JIT, memory', rounds: usage.cpuPerUnit(mercurius) }],
      goal: null,
      notes: [],
    },
  ]
}

async function answerOf(server: ServerProcess, request: Buffer): Promise<string> {
  return (await createHttpLoad(server.url, 1).ask(request)).body.toString()
}
