import type { Ending } from '../../support/gateway.ts'
import { orderUntilAnswered, type Order, type Ordered } from './client.ts'
import { createCluster, lastWordsOf, type Cluster } from './cluster.ts'
import type { ClusterBreach } from './cluster-breach.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { startVendor } from './vendor.ts'
import { canary } from '../../support/canaries.ts'

export interface JoiningOptions {
  readonly program: string
  readonly gateways: number
  readonly hasRedis: boolean
  readonly callers: number
  /** Rounds with one key, as many without any, and as many with one key for several tracks. */
  readonly rounds: number
  /** Rounds that the vendor refuses. */
  readonly refusedRounds: number
  readonly onProgress: (line: string) => void
  readonly signal: AbortSignal
}

export interface JoiningReport {
  readonly callers: number
  readonly rounds: ReadonlyMap<string, number>
  readonly slowestMs: number
  readonly breaches: readonly ClusterBreach[]
  readonly lastWords: string
}

/** Lets many callers order one track at one time, spread over all gateways. */
export async function playJoining(options: JoiningOptions, atEnd: Ending): Promise<JoiningReport> {
  const { program, gateways, hasRedis, callers, rounds, refusedRounds, onProgress, signal } = options
  const seed = 'joining'
  const vendor = await startVendor({
    seed,
    reachability: async () => false,
    callbackTimeoutMs: 5_000,
    callbackPausesMs: [0, 500],
  })
  atEnd(vendor.close)
  const front = await startFaultProxy({
    target: () => cluster.port(),
    random: { next: () => 1, below: () => 0, pick: () => null },
    faultShare: 0,
    kinds: [],
    reachability: null,
    onDelivered: () => {},
  })
  atEnd(front.close)
  const environment = {
    KIE_API_KEY: `kie-key-${canary}`,
    KIE_BASE_URL: `http://127.0.0.1:${vendor.port}`,
    PUBLIC_URL: front.url,
    SUBMITS_PER_10_SECONDS: '1000000',
    READS_PER_SECOND: '1000',
  }
  const cluster: Cluster = await createCluster(
    { seed, program, size: gateways, hasRedis, environment: () => environment },
    atEnd,
  )
  await cluster.start()

  const breaches: ClusterBreach[] = []
  let slowestMs = 0
  /** Every caller has a gateway of its own, and goes to another one where that does not answer. */
  async function callTogether(...orders: [Order, ...Order[]]): Promise<readonly Ordered[]> {
    signal.throwIfAborted()
    const startedAtMs = performance.now()
    const ended = await Promise.all(
      Array.from({ length: callers }, (_, caller) => {
        let tries = 0
        const where = () => cluster.members[(caller + tries++) % gateways]?.process.url() ?? null
        return orderUntilAnswered(where, orders[caller % orders.length] ?? orders[0], signal)
      }),
    )
    slowestMs = Math.max(slowestMs, performance.now() - startedAtMs)
    return ended
  }
  const newOrder = (audioId: string, idempotencyKey: string | null): Order => ({
    musicTaskId: `music-of-${audioId}`,
    audioId,
    type: 'SEPARATE_VOCAL',
    idempotencyKey,
    force: false,
  })

  async function playAccepted(order: Order): Promise<void> {
    const answers = new Set((await callTogether(order)).map(nameOf))
    const charges = vendor.ledger.filter(({ audioId }) => audioId === order.audioId)
    if (charges.length !== 1)
      breaches.push({ kind: 'charged twice', detail: `${order.audioId}: ${charges.length} charges` })
    if (answers.size !== 1 || !answers.has(charges[0]?.taskId ?? '')) {
      breaches.push({ kind: 'keys to two tasks', detail: `${order.audioId}: ${[...answers].join(', ')}` })
    }
  }

  /** The key is the first one's; all who order another track are told of the conflict. */
  async function playConflict(round: number): Promise<void> {
    const [first, ...others] = ['a', 'b', 'c', 'd', 'e'].map((name) =>
      newOrder(`mixed${round}${name}-steady`, `mixed-${round}`),
    )
    if (first === undefined) return
    const answers = new Set((await callTogether(first, ...others)).map(nameOf))
    const charges = vendor.ledger.filter(({ audioId }) => [first, ...others].some((order) => order.audioId === audioId))
    if (charges.length !== 1) {
      breaches.push({ kind: 'charged twice', detail: `key mixed-${round}: ${charges.length} charges` })
    }
    if (answers.size !== 2 || !answers.has(charges[0]?.taskId ?? '') || !answers.has('IdempotencyConflictError')) {
      breaches.push({ kind: 'keys to two tasks', detail: `key mixed-${round}: ${[...answers].join(', ')}` })
    }
  }

  async function playRefused(order: Order, next: Order): Promise<void> {
    const answers = new Set((await callTogether(order)).map(nameOf))
    if (answers.size !== 1 || !answers.has('InsufficientCreditsError')) {
      breaches.push({ kind: 'contradictions', detail: `${order.audioId}: ${[...answers].join(', ')}` })
    }
    // With another track the key would lead to a conflict, if it led anywhere.
    const freed = await orderUntilAnswered(cluster.where, next, signal)
    if (freed.kind !== 'task') {
      breaches.push({ kind: 'keys to two tasks', detail: `${order.audioId}: the key is not free: ${nameOf(freed)}` })
    }
  }

  for (let round = 0; round < rounds; round++) {
    await playAccepted(newOrder(`keyed${round}-steady`, `key-${round}`))
    await playAccepted(newOrder(`keyless${round}-steady`, null))
    await playConflict(round)
    if ((round + 1) % 10 === 0) onProgress(`${round + 1} rounds of ${callers} callers, ${vendor.ledger.length} charges`)
  }
  for (let round = 0; round < refusedRounds; round++) {
    const key = `refused-${round}`
    await playRefused(newOrder(`${round}-broke`, key), newOrder(`after${round}-steady`, key))
  }
  return {
    callers,
    rounds: new Map([
      ['rounds with one key', rounds],
      ['rounds without a key', rounds],
      ['rounds with one key for several tracks', rounds],
      ['rounds that are refused', refusedRounds],
    ]),
    slowestMs,
    breaches,
    lastWords: lastWordsOf(cluster),
  }
}

function nameOf(ended: Ordered): string {
  switch (ended.kind) {
    case 'task':
      return ended.taskId
    case 'refused':
      return ended.error
    case 'unanswered':
      return ended.kind
  }
}
