import { setTimeout as delay } from 'node:timers/promises'
import type { Ending } from '../../support/gateway.ts'
import { recordOfSuccess, sendBody, startPlayedProvider } from '../../support/played-provider.ts'
import { openGoodReaders } from './good-readers.ts'
import { latencyOf, type Latency } from './latency.ts'
import { startStuckReaders } from './stuck-readers.ts'
import type { Unread } from './unread.ts'
import { startWatchedGateway, type WatchedGateway } from './watched-gateway.ts'

export interface ReadersOptions {
  readonly readers: number
  readonly stuck: number
  readonly deep: number
  readonly rounds: number
  readonly changes: number
  readonly changesPerSecond: number
  readonly asksPerSecond: number
  /** They read after all, which shows what their asking costs by itself. */
  readonly reads: boolean
  readonly onProgress: (line: string) => void
}

/** The reading subscribers alone, and next to the stalled ones. */
export interface Round {
  readonly alone: Phase
  readonly beside: Phase & StuckPhase
}

export interface Phase {
  readonly latencyMs: Latency
  readonly peakBytes: number
  readonly stallMs: number
}

export interface StuckPhase {
  /** The time of the first change. */
  readonly stuckAtFirst: Unread
  /** The most bytes that the gateway itself held for one, and for all. */
  readonly mostOfOneBytes: number
  readonly mostBytes: number
  readonly closed: Unread['closed']
  readonly reopened: number
}

/** What nearly fills the system's buffers between two processes, some 2 MiB, and by how much it is gone on until they are full. */
const askedAtFirst = 24
const askedAtATime = 4
const mostAsked = 70
/** Whose buffers must be full before it is measured, of the deep ones. */
const fullShare = 0.8
const none: Unread = { open: 0, holding: 0, bytes: 0, mostBytes: 0, closed: [] }
/** What the stuck ones watch beside the tasks that change. */
const pendingTasks = 100
const pollIntervalMs = 250
const stillMs = 250
const mostBusyWhenStill = 0.1

/** Measures in turn, now the one first and now the other, since the machine is not the same at all times. */
export async function measureReaders(options: ReadersOptions, atEnd: Ending): Promise<readonly Round[]> {
  const { readers: count, rounds, changes, changesPerSecond, onProgress } = options
  const provider = await startPlayedProvider(atEnd)
  provider.answerRead((response, nth) => sendBody(response, recordOfSuccess(provider.reads[nth - 1] ?? '')))
  const gateway = await startWatchedGateway({
    ...provider.environment,
    // Nobody asks unless a callback came, and the rates and limits are out of the way.
    CHECK_INTERVAL_SECONDS: '3600',
    READS_PER_SECOND: '1000',
    SUBMITS_PER_10_SECONDS: '1000000',
    SOCKETS_PER_ADDRESS: '1000000',
    SUBSCRIPTIONS_PER_CALLER: '1000000',
  })
  atEnd(gateway.close)
  const stuck = startStuckReaders()
  atEnd(stuck.close)
  const readers = openGoodReaders({ gateway: gateway.url, provider, count }, atEnd)
  await readers.measure({ name: 'warm-up', changes, changesPerSecond, beforeChanges: async () => {} })
  const others = await readers.orderPending(pendingTasks)

  const measured: Round[] = []
  for (let round = 1; round <= rounds; round++) {
    const measureAlone = () => alone(`alone-${round}`)
    const measureBeside = () => beside(`beside-${round}`)
    const isAloneFirst = round % 2 === 1
    const before = isAloneFirst ? await measureAlone() : null
    const withStuck = await measureBeside()
    const without = before ?? (await measureAlone())
    measured.push({ alone: without, beside: withStuck })
    const [p50, p95] = [
      withStuck.latencyMs.p50 / without.latencyMs.p50,
      withStuck.latencyMs.p95 / without.latencyMs.p95,
    ]
    onProgress(`round ${round} of ${rounds}: median ${p50.toFixed(2)} times, p95 ${p95.toFixed(2)} times`)
  }
  return measured

  async function alone(name: string): Promise<Phase> {
    const tookMs = await readers.measure({ name, changes, changesPerSecond, beforeChanges: () => forget(gateway) })
    return phaseOf(tookMs)
  }

  async function phaseOf(tookMs: readonly number[]): Promise<Phase> {
    return { latencyMs: latencyOf(tookMs), peakBytes: await gateway.peakBytes(), stallMs: await gateway.stallMs() }
  }

  async function beside(name: string): Promise<Phase & StuckPhase> {
    const { stuck: many, deep, asksPerSecond, reads } = options
    const looks: Unread[] = []
    let stuckAtFirst = none
    let isPolling = true
    let looking = Promise.resolve()
    const tookMs = await readers.measure({
      name,
      changes,
      changesPerSecond,
      async beforeChanges(taskIds) {
        await gateway.peakBytes()
        await gateway.unread()
        await stuck.order({ kind: 'open', gateway: gateway.url, taskIds, others, count: many, reads })
        let by = askedAtFirst
        for (let asked = 0, isFull = false; asked < mostAsked && !isFull; asked += by, by = askedAtATime) {
          await stuck.order({ kind: 'deepen', deep, by })
          const look = await untilStill(gateway)
          looks.push(look)
          isFull = reads || look.holding >= deep * fullShare
        }
        stuckAtFirst = looks.at(-1) ?? none
        await gateway.stallMs()
        await stuck.order({ kind: 'go-on', asksPerSecond })
        looking = (async () => {
          while (isPolling) {
            await delay(pollIntervalMs)
            looks.push(await gateway.unread())
          }
        })()
      },
    })
    isPolling = false
    await looking
    const phase = await phaseOf(tookMs)
    const closed = looks.flatMap((look) => look.closed)
    const reopened = await stuck.order({ kind: 'close' })
    while ((await gateway.unread()).open > 0) await delay(pollIntervalMs)
    return {
      ...phase,
      stuckAtFirst,
      mostOfOneBytes: Math.max(
        ...looks.map(({ mostBytes }) => mostBytes),
        ...closed.map(({ unreadBytes }) => unreadBytes),
      ),
      mostBytes: Math.max(...looks.map(({ bytes }) => bytes)),
      closed,
      reopened,
    }
  }
}

/** What was before is no part of what is measured. */
async function forget(gateway: WatchedGateway): Promise<void> {
  await gateway.peakBytes()
  await gateway.stallMs()
}

/** Resolves when the stuck readers have been told all that they asked for, as far as they take it. */
async function untilStill(gateway: WatchedGateway): Promise<Unread> {
  await gateway.busyShare()
  do await delay(stillMs)
  while ((await gateway.busyShare()) > mostBusyWhenStill)
  return gateway.unread()
}
