import { breach, type Breach } from './breach.ts'
import type { Family } from './family.ts'
import type { FuzzWorld } from './fuzz-world.ts'
import type { OrderBook } from './order-book.ts'

export interface FamilyReport {
  readonly name: string
  readonly inputs: number
  readonly seconds: number
  readonly verdicts: ReadonlyMap<string, number>
  readonly breaches: readonly Breach[]
  readonly slowestMs: number
}

/** A family and how many inputs of it are to be played, at least. */
export interface Share {
  readonly family: Family
  readonly inputs: number
}

/** So much is enough of one family. */
const mostBreaches = 100
const progressEveryMs = 10_000
const answerWithinMs = 15_000

/**
 * Plays the families in turn, a batch each, so that all of them have come equally far whenever it ends. After each batch
 * it is looked whether the promises were kept.
 */
export async function playFamilies(run: {
  readonly world: FuzzWorld
  readonly orders: OrderBook
  readonly shares: readonly Share[]
  readonly seed: number
  readonly onProgress: (line: string) => void
  /** Ends it after the batch that is under way. */
  readonly signal: AbortSignal
}): Promise<readonly FamilyReport[]> {
  const { world, orders, shares, seed, onProgress, signal } = run
  const states = shares.map(({ family, inputs }, index) => ({
    family,
    target: inputs,
    seed: seed + index * 100_000,
    batches: 0,
    inputs: 0,
    seconds: 0,
    slowestMs: 0,
    verdicts: new Map<string, number>(),
    breaches: [] as Breach[],
  }))
  let saidAtMs = performance.now()

  while (!signal.aborted) {
    const open = states.filter(({ inputs, target, breaches }) => inputs < target && breaches.length < mostBreaches)
    const [state] = open.toSorted((a, b) => a.inputs / a.target - b.inputs / b.target)
    if (state === undefined) break
    const startedAt = performance.now()
    const report = await state.family.playBatch(state.seed + state.batches++)
    state.inputs += report.inputs
    state.slowestMs = Math.max(state.slowestMs, report.slowestMs)
    for (const [verdict, count] of report.verdicts) {
      state.verdicts.set(verdict, (state.verdicts.get(verdict) ?? 0) + count)
    }
    const found = [...report.breaches, ...orders.settle(), ...world.breaches(), ...(await lifeSigns(world))]
    state.breaches.push(...found)
    for (const { promise, detail } of found)
      onProgress(`${state.family.name}, batch ${state.batches}: ${promise}: ${detail}`)
    state.seconds += (performance.now() - startedAt) / 1_000
    if (performance.now() - saidAtMs < progressEveryMs) continue
    saidAtMs = performance.now()
    onProgress(states.map(({ family, inputs, breaches }) => `${family.name} ${inputs} (${breaches.length})`).join(', '))
  }
  return states.map(({ family: { name }, inputs, seconds, verdicts, breaches, slowestMs }) => {
    return { name, inputs, seconds, verdicts, breaches, slowestMs }
  })
}

/** What is wrong with how the gateways live, if anything is. */
export async function lifeSigns({ places }: FuzzWorld): Promise<readonly Breach[]> {
  const signs = places.map(async ({ name, gateway }) => {
    const lives = 'the gateway stays up and answers'
    if (gateway.hasEnded()) return [breach(lives, `the gateway ${name} has ended`)]
    try {
      const { status } = await fetch(`${gateway.url}/health/ready`, { signal: AbortSignal.timeout(answerWithinMs) })
      return status === 200 ? [] : [breach(lives, `the gateway ${name} answers with ${status}`)]
    } catch (error) {
      return [breach(lives, `the gateway ${name} does not answer: ${String(error)}`)]
    }
  })
  return (await Promise.all(signs)).flat()
}
