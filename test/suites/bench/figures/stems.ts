import { setTimeout as delay } from 'node:timers/promises'
import type { Ending } from '../../../support/gateway.ts'
import { stem, succeededTask } from '../../../support/tasks.ts'
import { postRequest } from '../load/connection.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { readStream } from '../load/read-stream.ts'
import { seedTasks } from '../load/seed-tasks.ts'
import { watchUsage } from '../load/usage.ts'
import type { Result } from '../report/result.ts'
import { credential, owner, sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { startServer, type ServerProcess } from '../servers/server-process.ts'
import { alternate } from './alternate.ts'
import type { Figure, Setting } from './figure.ts'

const megabyte = 1_000_000
/** What a provider's server on the Internet takes to begin its answer, in milliseconds. */
const providerDelayMs = 25
/** As many files as a page plays at a time. */
const files = 4
const streams = 50
const streamBytes = 100 * megabyte
/** How long the clients read nothing, so that whatever is read for them piles up. */
const pauseMs = 3_000

export const stemStream: Figure = {
  name: 'stem-stream',
  about: 'streaming a stem from the provider: megabytes per second, CPU, and the time to the first byte',
  async measure(setting, atEnd) {
    const { rounds, servers, isPinned, onProgress } = setting
    const fileBytes = Math.round(setting.seconds * 50) * megabyte
    const { gateway, fileServer, links } = await startStems(
      setting,
      [`/${fileBytes}/0.mp3`, `/1000/${providerDelayMs}.mp3`],
      atEnd,
    )
    const [large = '', small = ''] = links
    const bare = await startServer({ args: [servers.pipe], environment: { ORIGIN: fileServer.url }, isPinned }, atEnd)
    const usage = watchUsage()
    const rateOf = (server: ServerProcess, url: string) => () =>
      usage.during(server, async () => {
        const startedAtMs = performance.now()
        const read = await Promise.all(Array.from({ length: files }, () => readStream(url).bytes))
        const bytes = read.reduce((sum, each) => sum + each, 0)
        if (bytes < files * fileBytes) throw new Error(`Only ${bytes} bytes were streamed.`)
        return bytes / megabyte / ((performance.now() - startedAtMs) / 1_000)
      })
    const firstByteOf = (url: string) => async () => {
      const all: number[] = []
      for (let nth = 0; nth < 20; nth++) {
        const stream = readStream(url)
        all.push(await stream.firstByteMs)
        await stream.bytes
      }
      // The fastest: whatever else runs on the machine only adds to it.
      return Math.min(...all)
    }
    const rates = await alternate(
      rounds,
      { bare: rateOf(bare, `${bare.url}/${fileBytes}/0.mp3`), gateway: rateOf(gateway, large) },
      onProgress,
    )
    const firstBytes = await alternate(
      rounds,
      {
        provider: firstByteOf(`${fileServer.url}/1000/${providerDelayMs}.mp3`),
        gateway: firstByteOf(small),
        pipe: firstByteOf(`${bare.url}/1000/${providerDelayMs}.mp3`),
      },
      onProgress,
    )
    const pipe = 'bare node:http that pipes the same file'
    return [
      {
        name: 'stream stems',
        unit: 'MB/s',
        better: 'more',
        gateway: rates.gateway,
        limit: { name: pipe, rounds: rates.bare },
        peers: [],
        goal: { of: 'ratio', bound: 'at least', value: 0.7 },
        notes: usage.notes(),
      },
      {
        name: 'stream stems, CPU',
        unit: 'µs/MB',
        better: 'less',
        gateway: usage.cpuPerUnit(gateway),
        limit: { name: pipe, rounds: usage.cpuPerUnit(bare) },
        peers: [],
        goal: null,
        notes: [],
      },
      {
        name: `first byte of a stem, ${providerDelayMs} ms at the provider`,
        unit: 'ms',
        better: 'less',
        gateway: firstBytes.gateway,
        limit: { name: "the provider's own server", rounds: firstBytes.provider },
        peers: [{ name: pipe, rounds: firstBytes.pipe }],
        goal: { of: 'ratio', bound: 'at most', value: 1.2 },
        notes: [],
      },
    ]
  },
}

export const stemMemory: Figure = {
  name: 'stem-memory',
  about: 'the memory that 50 streams of 100 MB take, whose clients read nothing at first',
  async measure(setting, atEnd) {
    const { gateway, links } = await startStems(setting, [`/${streamBytes}/0.mp3`, `/${megabyte}/0.mp3`], atEnd)
    const [large = '', small = ''] = links
    await readStream(small).bytes
    const before = (await gateway.residentBytes()) ?? 0
    const open = Array.from({ length: streams }, () => readStream(large))
    for (const { socket } of open) socket.pause()
    await delay(pauseMs)
    for (const { socket } of open) socket.resume()
    const read = await Promise.all(open.map(({ bytes }) => bytes))
    if (read.some((bytes) => bytes < streamBytes)) throw new Error('A stream was not read to its end.')
    const more = ((await gateway.peakResidentBytes()) ?? 0) - before
    const result: Result = {
      name: `memory of ${streams} streams of 100 MB`,
      unit: 'MB resident',
      better: 'less',
      gateway: [more / megabyte],
      limit: null,
      peers: [],
      goal: { of: 'value', bound: 'at most', value: 150 },
      notes: [],
    }
    return [result]
  },
}

/** Starts a file server, and a gateway with links to files of it. */
async function startStems(setting: Setting, paths: readonly string[], atEnd: Ending) {
  const fileServer = await startServer({ args: [setting.servers.files], isPinned: false }, atEnd)
  const stems = paths.map((path, nth) =>
    stem('other', {
      label: String(nth),
      url: { value: `${fileServer.url}${path}`, by: 'record-info', atMs: Date.UTC(2030, 0, 1) },
    }),
  )
  const task = succeededTask({ owner, stems })
  await seedTasks(`${setting.folder}/stemgate.db`, [task])
  const gateway = await startBenchGateway(
    setting,
    {
      databaseUrl: sqliteUrl(setting.folder),
      environment: { STEM_HOSTS_ALLOWED: new URL(fileServer.url).host, STEM_STREAMS_PER_ADDRESS: '200' },
    },
    atEnd,
  )
  const query = `{ separation(taskId: "${task.id}") { allStems { url } } }`
  const { body } = await createHttpLoad(gateway.url, 1).ask(postRequest('/graphql', { query }, credential))
  const answer: { data: { separation: { allStems: readonly { url: string }[] } } } = JSON.parse(body.toString())
  return { gateway, fileServer, links: answer.data.separation.allStems.map(({ url }) => url) }
}
