import * as fc from 'fast-check'
import { forEachOf } from '../bench/for-each-of.ts'
import { breach, type Breach } from './breach.ts'
import { forgedSignatures } from './forged-signatures.ts'
import { everySingleBit, forgedTokens } from './forged-tokens.ts'
import type { Forgery, Target } from './forgery.ts'
import { orderTask, rowsOfTasks, settleTask, untilNoneIsDue, wakingsOf } from './fuzz-tasks.ts'
import type { FuzzWorld } from './fuzz-world.ts'
import { judgeAnswer } from './judge-answer.ts'
import type { OrderBook } from './order-book.ts'
import { sendPipelined } from './pipelined.ts'
import { watchTasks } from './watch-tasks.ts'

export interface ForgingReport {
  readonly inputs: number
  /** How many forgeries of each kind there were. */
  readonly kinds: ReadonlyMap<string, number>
  readonly verdicts: ReadonlyMap<string, number>
  readonly breaches: readonly Breach[]
}

/** Fewer than one address may send in a minute, and more. */
const patientShare = 110
const impatientShare = 400
const addressesAtATime = 4
const signatureShare = 0.05

/** Forges callbacks for tasks of every state, and looks whether anything has become of them. */
export async function forgeCallbacks(options: {
  readonly world: FuzzWorld
  readonly orders: OrderBook
  readonly count: number
  readonly seed: number
  readonly onProgress: (line: string) => void
}): Promise<ForgingReport> {
  const { world, orders, count, seed, onProgress } = options
  const createOrder = world.keyed
  const kinds = new Map<string, number>()
  const verdicts = new Map<string, number>()
  const breaches: Breach[] = []
  const targets = await makeTargets(world, orders)
  const pending = targets.filter(({ accepted }) => accepted === null)
  const watch = await watchTasks(
    createOrder,
    pending.map(({ taskId }) => taskId),
  )
  const ids = targets.map(({ taskId }) => taskId)
  await untilNoneIsDue(createOrder, ids)
  const before = await rowsOfTasks(createOrder, ids)
  const wakingsBefore = await wakingsOf(createOrder, ids)

  let address = 0
  async function send(forgeries: readonly Forgery[], expected: readonly number[]): Promise<void> {
    address += 1
    const answers = await sendPipelined({
      port: Number(new URL(createOrder.gateway.url).port),
      from: `127.${2 + Math.floor(address / 62_500)}.${1 + (Math.floor(address / 250) % 250)}.${1 + (address % 250)}`,
      requests: forgeries.map(({ request }) => request),
    })
    answers.forEach(({ status, text }, index) => {
      const forgery = forgeries[index]
      if (forgery === undefined) return
      add(kinds, forgery.kind)
      add(verdicts, String(status))
      breaches.push(...judgeAnswer(text, status))
      if (expected.includes(status)) return
      const shown = `${forgery.kind}: ${forgery.request.path} ${JSON.stringify(forgery.request.headers)}`
      breaches.push(breach(unchanged, `answered with ${status}: ${shown}`))
    })
  }

  async function sendAll(forgeries: readonly Forgery[], expected: readonly number[]): Promise<void> {
    const shares: (readonly Forgery[])[] = []
    for (let at = 0; at < forgeries.length;) {
      const size = shares.length % 40 === 39 ? impatientShare : patientShare
      shares.push(forgeries.slice(at, at + size))
      at += size
    }
    await forEachOf(shares.values(), addressesAtATime, (share) => send(share, expected))
  }

  const ofSignatures = Math.ceil(count * signatureShare)
  const singles = everySingleBit(targets).slice(0, Math.ceil(count / 2))
  const ofTokens = Math.max(0, count - ofSignatures - singles.length)
  await sendAll(singles, nobodys)
  for (let sent = 0; sent < ofTokens;) {
    const size = Math.min(10_000, ofTokens - sent)
    await sendAll(fc.sample(forgedTokens(targets), { seed: seed + sent, numRuns: size }), nobodys)
    sent += size
    onProgress(`forged callbacks: ${singles.length + sent} of ${count}`)
  }
  const wakings = await wakingsOf(createOrder, ids)
  if (wakings !== wakingsBefore) breaches.push(breach(unchanged, `${wakingsBefore} were woken: ${wakings}`))
  // These come to a good address: they are taken, and at most have the provider asked.
  await sendAll(fc.sample(forgedSignatures(targets), { seed, numRuns: ofSignatures }), [200])
  onProgress(`forged callbacks: ${count} of ${count}`)

  await untilNoneIsDue(createOrder, ids)
  const after = await rowsOfTasks(createOrder, ids)
  for (const [index, row] of before.entries()) {
    if (row !== after[index]) breaches.push(breach(unchanged, `${row} became ${after[index]}`))
  }
  for (const report of await watch.end())
    breaches.push(breach('no forged callback is published to a subscriber', report))
  return { inputs: singles.length + ofTokens + ofSignatures, kinds, verdicts, breaches }
}

const unchanged = 'no forged callback changes a task'
/** A token that nobody made is nothing; too many of them are too many. */
const nobodys = [404, 429]
const targetsOfEach = 4

/** Tasks of both providers, pending and settled by a callback that stays to be sent again. */
async function makeTargets(world: FuzzWorld, orders: OrderBook): Promise<readonly Target[]> {
  const targets: Target[] = []
  for (const provider of ['kie', 'apikley'] as const) {
    for (let nth = 0; nth < targetsOfEach; nth++) {
      const task = await orderTask(world, orders, world.keyed, provider === 'kie' ? 'KIE' : 'APIKLEY')
      const accepted = nth % 2 === 0 ? null : await settleTask(world, world.keyed, task)
      targets.push({ ...task, provider, accepted })
    }
  }
  return targets
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
