import * as fc from 'fast-check'
import { breach, type Breach } from './breach.ts'

/** What came of one thing that was sent. */
export interface Played {
  /** The kinds of verdicts: a status, a close code, a type of message. */
  readonly verdicts: readonly string[]
  readonly breaches: readonly Breach[]
}

/** Where and as the how manieth a thing is played. */
export interface Turn {
  readonly nth: number
  /** From 0 up to `atATime`: no two with the same number at one time. */
  readonly worker: number
}

/** One kind of hostile input, and how it is sent. */
export interface FamilySpec<T> {
  readonly name: string
  readonly things: fc.Arbitrary<T>
  /** How many inputs a thing is. */
  countOf(thing: T): number
  /** How many things one batch holds, and how many of them are under way at a time. */
  readonly batch: number
  readonly atATime: number
  play(thing: T, turn: Turn): Promise<Played>
  /** Whatever must be there before a batch. */
  prepare?(): Promise<void>
}

export interface BatchReport {
  readonly inputs: number
  readonly verdicts: ReadonlyMap<string, number>
  readonly breaches: readonly Breach[]
  /** How long the slowest thing took. */
  readonly slowestMs: number
}

/** A family as the run sees it. */
export interface Family {
  readonly name: string
  /** Plays one batch: the same for the same seed. */
  playBatch(seed: number): Promise<BatchReport>
}

/** After this a thing counts as unanswered. */
const patienceMs = 20_000
const shrinkingMs = 15_000
const longestShown = 1_500

export function createFamily<T>(spec: FamilySpec<T>): Family {
  let nth = 0
  let hasShrunk = false

  async function play(thing: T, worker: number): Promise<Played> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Played>((resolve) => {
      timer = setTimeout(() => {
        const detail = `nothing in ${patienceMs / 1_000} s upon ${shown(thing)}`
        resolve({
          verdicts: ['nothing'],
          breaches: [breach('every input gets a response or a closed connection', detail)],
        })
      }, patienceMs)
    })
    try {
      return await Promise.race([spec.play(thing, { nth: nth++, worker }), late])
    } catch (error) {
      const detail = `${String(error)} upon ${shown(thing)}`
      return {
        verdicts: ['an error here'],
        breaches: [breach('every input gets a response or a closed connection', detail)],
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** The smallest thing that is found to break a promise, which the first of a family is worth. */
  async function shrunk(seed: number, index: number): Promise<string | null> {
    if (hasShrunk) return null
    hasShrunk = true
    const keeps = async (thing: T) => (await play(thing, 0)).breaches.length === 0
    const { counterexample } = await fc.check(fc.asyncProperty(spec.things, keeps), {
      seed,
      path: String(index),
      numRuns: 1,
      interruptAfterTimeLimit: shrinkingMs,
    })
    return counterexample === null ? null : shown(counterexample[0])
  }

  return {
    name: spec.name,

    async playBatch(seed) {
      await spec.prepare?.()
      const things = fc.sample(spec.things, { seed, numRuns: spec.batch })
      const verdicts = new Map<string, number>()
      const breaches: Breach[] = []
      let next = 0
      let slowestMs = 0
      async function work(worker: number): Promise<void> {
        for (let index = next++; index < things.length; index = next++) {
          const thing = things[index]
          if (thing === undefined) return
          const startedAt = performance.now()
          const played = await play(thing, worker)
          slowestMs = Math.max(slowestMs, performance.now() - startedAt)
          for (const verdict of played.verdicts) verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
          if (played.breaches.length === 0) continue
          const smaller = await shrunk(seed, index)
          for (const { promise, detail } of played.breaches) {
            const small = smaller === null ? '' : `\n  shrunk: ${smaller}`
            const replay = `batch ${seed}, input ${index}: ${shown(thing)}${small}`
            breaches.push({ promise, detail: `${detail}\n  ${replay}` })
          }
        }
      }
      await Promise.all(Array.from({ length: spec.atATime }, (_, worker) => work(worker)))
      return { inputs: things.reduce((sum, thing) => sum + spec.countOf(thing), 0), verdicts, breaches, slowestMs }
    },
  }
}

function shown(thing: unknown): string {
  return fc.stringify(thing).slice(0, longestShown)
}
