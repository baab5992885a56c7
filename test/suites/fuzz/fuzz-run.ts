import { setTimeout as sleep } from 'node:timers/promises'
import { createBodies } from './bodies.ts'
import { breach, type Breach } from './breach.ts'
import { createCallbacks } from './callbacks.ts'
import { createDocuments } from './documents.ts'
import type { Family } from './family.ts'
import { forgeCallbacks } from './forge-callbacks.ts'
import { createFrames } from './frames.ts'
import { orderTask, settleTask } from './fuzz-tasks.ts'
import { startFuzzWorld, type FuzzWorld, type Place } from './fuzz-world.ts'
import { createOrderBook, type OrderBook } from './order-book.ts'
import { createProviderAnswers } from './provider-answers.ts'
import { lifeSigns, playFamilies, type FamilyReport } from './play-families.ts'
import { readEverything } from './read-everything.ts'

export interface FuzzOptions {
  /** The path of the gateway's program; its sources if left out. */
  readonly program?: string
  readonly seed: number
  /** How many inputs all families send together, at least. */
  readonly inputs: number
  readonly forged: number
  readonly onProgress: (line: string) => void
  /** Ends the sending early; what was sent is judged all the same. */
  readonly signal: AbortSignal
}

export interface FuzzReport {
  readonly families: readonly FamilyReport[]
  /** How often each kind of forgery was sent. */
  readonly forgeries: ReadonlyMap<string, number>
  readonly breaches: readonly Breach[]
  readonly charges: number
  /** By gateway: what it kept resident at first and in the end, in bytes. */
  readonly resident: readonly { readonly name: string; readonly before: number; readonly after: number }[]
  readonly seconds: number
}

/** Which part of the inputs is whose. */
const shares = { documents: 0.2, bodies: 0.15, frames: 0.3, callbacks: 0.2, 'provider answers': 0.15 } as const
/** No gateway that does well keeps so much more than at first. */
const mostGrowthBytes = 600 * 1024 * 1024
/** How long after everything an order may take to its end, in milliseconds. */
const orderWithinMs = 30_000

/** Sends everything that is hostile, family by family, and looks after each batch whether the promises were kept. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, inputs, forged, onProgress, signal } = options
  const startedAt = performance.now()
  const world = await startFuzzWorld(options.program)
  const orders = createOrderBook(world.provider.charges)
  try {
    const known = new Map(await Promise.all(world.places.map((createOrder) => knownTasks(world, orders, createOrder))))
    const documents = createDocuments(world, orders, known)
    const all: readonly (readonly [keyof typeof shares, Family])[] = [
      ['documents', documents],
      ['bodies', createBodies(world, orders)],
      ['frames', createFrames(world, orders, (where) => known.get(world.places[where === 0 ? 0 : 1])?.waiting ?? '')],
      ['callbacks', createCallbacks(world, orders)],
      ['provider answers', createProviderAnswers(world, orders)],
    ]
    const before = await residentBytes(world)
    const played = await playFamilies({
      world,
      orders,
      shares: all.map(([name, family]) => ({ family, inputs: Math.ceil(inputs * shares[name]) })),
      seed,
      onProgress,
      signal,
    })
    const families = [...played]
    await documents.close()
    const forging =
      forged === 0 || signal.aborted
        ? null
        : await timed(() => forgeCallbacks({ world, orders, count: forged, seed, onProgress }))
    if (forging !== null) families.push({ name: 'forged callbacks', slowestMs: 0, ...forging })
    const breaches = [...(await readEverything(world)), ...(await ordinaryOrders(world, orders)), ...orders.settle()]
    const after = await residentBytes(world)
    const resident = world.places.map(({ name }, nth) => ({ name, before: before[nth] ?? 0, after: after[nth] ?? 0 }))
    for (const each of resident) {
      if (each.after - each.before > mostGrowthBytes)
        breaches.push(
          breach('the gateway stays up and answers', `it has grown without bounds: ${JSON.stringify(each)}`),
        )
    }
    breaches.push(...(await lifeSigns(world)), ...world.breaches())
    return {
      families,
      forgeries: forging?.kinds ?? new Map(),
      breaches: [...families.flatMap((family) => family.breaches), ...breaches],
      charges: world.provider.charges.length,
      resident,
      seconds: (performance.now() - startedAt) / 1_000,
    }
  } finally {
    await world.close()
  }
}

async function knownTasks(world: FuzzWorld, orders: OrderBook, createOrder: Place) {
  const settled = await orderTask(world, orders, createOrder, 'KIE')
  await settleTask(world, createOrder, settled)
  const waiting = await orderTask(world, orders, createOrder, 'KIE')
  return [createOrder, { settled: settled.taskId, waiting: waiting.taskId }] as const
}

/** After everything a gateway takes orders, and tells of their ends. */
async function ordinaryOrders(world: FuzzWorld, orders: OrderBook): Promise<readonly Breach[]> {
  const ends = world.places.map(async (createOrder) => {
    try {
      const late = sleep(orderWithinMs, undefined, { ref: false }).then(() => Promise.reject(new Error('it is late')))
      await Promise.race([
        orderTask(world, orders, createOrder, 'KIE').then((task) => settleTask(world, createOrder, task)),
        late,
      ])
      return []
    } catch (error) {
      return [breach('an ordinary order still succeeds', `at the gateway ${createOrder.name}: ${String(error)}`)]
    }
  })
  return (await Promise.all(ends)).flat()
}

function residentBytes({ places }: FuzzWorld): Promise<readonly number[]> {
  return Promise.all(places.map(async ({ gateway }) => (gateway.hasEnded() ? 0 : gateway.residentBytes())))
}

async function timed<T extends object>(work: () => Promise<T>): Promise<T & { readonly seconds: number }> {
  const startedAt = performance.now()
  const result = await work()
  return { ...result, seconds: (performance.now() - startedAt) / 1_000 }
}
