import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Ending } from '../../../support/gateway.ts'
import { stem, succeededTask } from '../../../support/tasks.ts'
import { postRequest } from '../load/connection.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { readStream } from '../load/read-stream.ts'
import { seedTasks } from '../load/seed-tasks.ts'
import { watchUsage } from '../load/usage.ts'
import { median } from '../latency.ts'
import { credential, owner, sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { startServer, type ServerProcess } from '../servers/server-process.ts'
import { alternate } from './alternate.ts'
import type { Figure, Setting } from './figure.ts'

const megabyte = 1_000_000
/** What a provider's server on the Internet takes to begin its answer, in milliseconds. */
const providerDelayMs = 25
/** Of how many requests the time to the first byte is a median. */
const firstBytes = 20
/** As many files as a page plays at a time. */
const files = 4
const streams = 50
const streamBytes = 100 * megabyte
const zips = 10
/** How long the clients read nothing, so that whatever is read for them piles up. */
const pauseMs = 3_000

const firstByte = {
  name: `first byte of a stem, ${providerDelayMs} ms at the provider`,
  unit: 'ms',
  better: 'less',
  notes: [],
} as const
const firstByteGoal = { of: 'ratio', bound: 'at most', value: 1.2 } as const

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
    /** Of each server, the fastest of each round, after the one that is not counted. */
    const fastest = { provider: Array<number>(), gateway: Array<number>(), pipe: Array<number>() }
    const firstByteOf = (server: keyof typeof fastest, url: string) => async () => {
      const all: number[] = []
      for (let nth = 0; nth < firstBytes; nth++) {
        const stream = readStream(url)
        all.push(await stream.firstByteMs)
        await stream.bytes
      }
      fastest[server].push(Math.min(...all))
      return median(all)
    }
    const rates = await alternate(
      rounds,
      { bare: rateOf(bare, `${bare.url}/${fileBytes}/0.mp3`), gateway: rateOf(gateway, large) },
      onProgress,
    )
    const medians = await alternate(
      rounds,
      {
        provider: firstByteOf('provider', `${fileServer.url}/1000/${providerDelayMs}.mp3`),
        gateway: firstByteOf('gateway', small),
        pipe: firstByteOf('pipe', `${bare.url}/1000/${providerDelayMs}.mp3`),
      },
      onProgress,
    )
    const pipe = 'bare node:http that pipes the same file'
    const besides = (of: { readonly provider: readonly number[]; readonly pipe: readonly number[] }) => ({
      limit: { name: "the provider's own server", rounds: of.provider },
      peers: [{ name: pipe, rounds: of.pipe }],
    })
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
      { ...firstByte, gateway: medians.gateway, ...besides(medians), goal: firstByteGoal },
      // Whatever else runs on the machine only adds to it: the figure of a busy machine.
      {
        ...firstByte,
        name: `${firstByte.name}, the fastest of ${firstBytes}`,
        gateway: fastest.gateway.slice(1),
        ...besides({ provider: fastest.provider.slice(1), pipe: fastest.pipe.slice(1) }),
        goal: null,
      },
    ]
  },
}

export const stemMemory: Figure = {
  name: 'stem-memory',
  about: 'the memory that 50 streams of 100 MB, or 10 zips of three of them, take, whose clients read nothing at first',
  async measure(setting, atEnd) {
    const path = `/${streamBytes}/0.mp3`
    const ofStreams = await startStems(setting, [path], atEnd)
    const bytesOfStreams = await memoryOf(ofStreams.gateway, ofStreams.links[0] ?? '', streams, streamBytes)
    const ofZips = await startStems(setting, [path, path, path], atEnd)
    const bytesOfZips = await memoryOf(ofZips.gateway, ofZips.zipLink, zips, 3 * streamBytes)
    const common = { unit: 'MB resident', better: 'less', limit: null, peers: [], notes: [] } as const
    const goal = { of: 'value', bound: 'at most', value: 150 } as const
    return [
      {
        ...common,
        name: `memory of ${streams} streams of 100 MB`,
        gateway: [bytesOfStreams / megabyte],
        goal,
      },
      {
        ...common,
        name: `memory of ${zips} zips of 300 MB`,
        gateway: [bytesOfZips / megabyte],
        goal,
      },
    ]
  },
}

/** How much the resident memory grows, at most, while clients read this link and pause meanwhile. In bytes. */
async function memoryOf(gateway: ServerProcess, link: string, clients: number, leastBytes: number): Promise<number> {
  await readStream(link).bytes
  const before = (await gateway.residentBytes()) ?? 0
  const open = Array.from({ length: clients }, () => readStream(link))
  for (const { socket } of open) socket.pause()
  await delay(pauseMs)
  for (const { socket } of open) socket.resume()
  const read = await Promise.all(open.map(({ bytes }) => bytes))
  if (read.some((bytes) => bytes < leastBytes)) throw new Error('A stream was not read to its end.')
  return ((await gateway.peakResidentBytes()) ?? 0) - before
}

/** Starts a file server, and a gateway with links to files of it, alone and as a zip. */
async function startStems(setting: Setting, paths: readonly string[], atEnd: Ending) {
  const fileServer = await startServer({ args: [setting.servers.files], isPinned: false }, atEnd)
  const stems = paths.map((path, nth) =>
    stem('other', {
      label: String(nth),
      url: { value: `${fileServer.url}${path}`, by: 'record-info', atMs: Date.UTC(2030, 0, 1) },
    }),
  )
  const task = succeededTask({ owner, stems })
  const folder = await mkdtemp(join(setting.folder, 'stems-'))
  await seedTasks(`${folder}/stemgate.db`, [task])
  const gateway = await startBenchGateway(
    setting,
    {
      databaseUrl: sqliteUrl(folder),
      environment: { STEM_HOSTS_ALLOWED: new URL(fileServer.url).host, STEM_STREAMS_PER_ADDRESS: '200' },
    },
    atEnd,
  )
  const query = `{ separation(taskId: "${task.id}") { archiveUrl allStems { url } } }`
  const { body } = await createHttpLoad(gateway.url, 1).ask(postRequest('/graphql', { query }, credential))
  const answer: { data: { separation: { archiveUrl: string; allStems: readonly { url: string }[] } } } = JSON.parse(
    body.toString(),
  )
  const { archiveUrl, allStems } = answer.data.separation
  return { gateway, fileServer, zipLink: archiveUrl, links: allStems.map(({ url }) => url) }
}
