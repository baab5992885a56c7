import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withEndings } from '../faults/endings.ts'
import { buildGateway } from '../faults/gateway-process.ts'
import { findPostgres, findRedis, newPostgresDatabase } from '../../support/services.ts'
import { median } from './latency.ts'
import { startBenched, type Measured } from './measure.ts'

export interface ScaleOptions {
  readonly tasks: number
  readonly rounds: number
  readonly subscribers: number
  readonly onProgress: (line: string) => void
  readonly signal: AbortSignal
}

/** One way of running gateways, and what each round of it showed. */
export interface Configuration {
  readonly name: string
  readonly gateways: number
  readonly isShared: boolean
  readonly rounds: readonly Measured[]
}

/** Below the repository, because what is under /tmp may be no disk at all. */
const dataFolder = fileURLToPath(new URL('../../../data', import.meta.url))
const sqlite = { name: '1 gateway, SQLite', gateways: 1, isShared: false }
const shared = [1, 2, 4].map((gateways) => ({
  name: `${gateways} gateway${gateways === 1 ? '' : 's'}, PostgreSQL + Redis`,
  gateways,
  isShared: true,
}))

/** Measures one gateway on SQLite and, where there are PostgreSQL and Redis, one, two and four on those, in turn. */
export async function measureScale(options: ScaleOptions): Promise<readonly Configuration[]> {
  const { rounds, tasks, subscribers, onProgress, signal } = options
  const redisUrl = await findRedis()
  const isSharingPossible = (await findPostgres()) !== null && redisUrl !== null
  const configurations = [sqlite, ...(isSharingPossible ? shared : [])].map((each) => ({
    ...each,
    rounds: Array<Measured>(),
  }))

  await withEndings(async (atEnd) => {
    await mkdir(dataFolder, { recursive: true })
    const folder = await mkdtemp(join(dataFolder, 'bench-'))
    atEnd(() => rm(folder, { recursive: true, force: true }))
    const program = await buildGateway(join(folder, 'build'))
    // Started once, since a program that has just begun is slow.
    const running = await Promise.all(
      configurations.map(async (configuration) => {
        const environment = configuration.isShared
          ? { DATABASE_URL: await newPostgresDatabase(atEnd), REDIS_URL: redisUrl ?? '' }
          : { DATABASE_URL: `file:${join(folder, 'stemgate.db')}` }
        const { gateways } = configuration
        return { configuration, benched: await startBenched({ program, gateways, environment }, atEnd) }
      }),
    )
    for (const { configuration, benched } of running) {
      await benched.measure({ name: 'warm-up', subscribers, tasks: Math.ceil((tasks * configuration.gateways) / 4) })
    }
    for (let round = 1; round <= rounds; round++) {
      for (const { configuration, benched } of running) {
        signal.throwIfAborted()
        const measured = await benched.measure({ name: `round-${round}`, tasks, subscribers })
        configuration.rounds.push(measured)
        const settled = Math.round(measured.settledPerSecond)
        onProgress(`round ${round} of ${rounds}: ${configuration.name}: ${settled} callbacks settled per second`)
      }
    }
  })
  return configurations
}

/** A row for each configuration, the medians of its rounds; in brackets how many times the first row's. */
export function printScale(configurations: readonly Configuration[]): string {
  const [first] = configurations
  if (first === undefined) return ''
  const columns: readonly (readonly [title: string, cell: (of: Configuration) => string])[] = [
    ['', ({ name }) => name],
    ['settled/s', (of) => withRatio(of, ({ settledPerSecond }) => settledPerSecond)],
    ['from … to', (of) => rangeOf(of.rounds.map(({ settledPerSecond }) => settledPerSecond))],
    ['acknowledged/s', (of) => withRatio(of, ({ acknowledgedPerSecond }) => acknowledgedPerSecond)],
    ['orders/s', (of) => withRatio(of, ({ ordersPerSecond }) => ordersPerSecond)],
    ['loaded p50', (of) => inMs(of, ({ loadedMs }) => loadedMs.p50)],
    ['p95', (of) => inMs(of, ({ loadedMs }) => loadedMs.p95)],
    ['p99', (of) => inMs(of, ({ loadedMs }) => loadedMs.p99)],
    ['max', (of) => inMs(of, ({ loadedMs }) => loadedMs.max)],
    ['calm p50', (of) => inMs(of, ({ calmMs }) => calmMs.p50)],
    ['p95', (of) => inMs(of, ({ calmMs }) => calmMs.p95)],
    ['p99', (of) => inMs(of, ({ calmMs }) => calmMs.p99)],
    ['max', (of) => inMs(of, ({ calmMs }) => calmMs.max)],
    ['bench’s cores', (of) => median(of.rounds.map(({ ownCores }) => ownCores)).toFixed(2)],
  ]
  const rows = [columns.map(([title]) => title), ...configurations.map((each) => columns.map(([, cell]) => cell(each)))]
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
  return [
    ...lines,
    `Medians of ${first.rounds.length} rounds after a warm-up; latencies from the callback's sending until its subscriber was told, in ms.`,
    `This machine has ${availableParallelism()} cores, which client, vendor, PostgreSQL and Redis share with the gateways; its load is now ${loadavg()[0]?.toFixed(1)}.`,
    ...(configurations.length > 1 ? [] : ['PostgreSQL or Redis is missing (see above), and with them the other rows.']),
  ].join('\n')

  function withRatio(of: Configuration, value: (measured: Measured) => number): string {
    const [mine, usual] = [median(of.rounds.map(value)), median((first ?? of).rounds.map(value))]
    return `${Math.round(mine)} (${(mine / usual).toFixed(2)})`
  }
}

function inMs({ rounds }: Configuration, value: (measured: Measured) => number): string {
  return String(Math.round(median(rounds.map(value))))
}

function rangeOf(values: readonly number[]): string {
  return `${Math.round(Math.min(...values))} … ${Math.round(Math.max(...values))}`
}
