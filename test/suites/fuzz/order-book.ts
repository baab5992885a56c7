import { breach, type Breach } from './breach.ts'
import { tokenOf, type Charge } from './fuzz-provider.ts'

/** What an input meant as far as money goes. */
export interface Intent {
  /** Stands in the track that it orders, if it orders one. */
  readonly track: string
  /** Whether it is an order that may be charged, once, by what the gateway documents; asked only if it matters. */
  readonly mayCharge: () => boolean
  /** Whether it was answered as a new order. */
  readonly saysCharged: boolean
  readonly shown: () => string
}

/** Compares what was meant to be ordered with what the provider was asked to do. */
export interface OrderBook {
  newTrack(): string
  add(intent: Intent): void
  /** Compares the charges since it was last asked. */
  settle(): readonly Breach[]
}

const trackForm = /fuzz\d+track/
/** An order whose sender went away may be charged a little later. */
const keptSettlements = 3

export function createOrderBook(charges: readonly Charge[]): OrderBook {
  let tracks = 0
  let seen = charges.length
  let fresh: Intent[] = []
  const kept: Intent[][] = []
  const charged = new Map<string, number>()
  const tokens = new Set<string>()

  return {
    newTrack: () => `fuzz${++tracks}track`,
    add: (intent) => void fresh.push(intent),

    settle() {
      const breaches: Breach[] = []
      const newer = charges.slice(seen)
      seen = charges.length
      kept.push(fresh)
      if (kept.length > keptSettlements) kept.shift()
      const intents = new Map(kept.flat().map((intent) => [intent.track, intent]))
      let strays = 0
      for (const charge of newer) {
        const token = tokenOf(charge.callBackUrl)
        if (tokens.has(token))
          breaches.push(breach('no order is charged twice', `a task was sent twice: ${JSON.stringify(charge)}`))
        tokens.add(token)
        const track = trackForm.exec(`${charge.audioId} ${charge.musicTaskId}`)?.[0]
        const intent = track === undefined ? undefined : intents.get(track)
        if (track === undefined || intent === undefined) {
          strays += 1
          continue
        }
        const times = (charged.get(track) ?? 0) + 1
        charged.set(track, times)
        if (times > 1) breaches.push(breach('no order is charged twice', intent.shown()))
        else if (!intent.mayCharge()) breaches.push(breach('every charge was ordered', intent.shown()))
      }
      // An input may have been changed where its track stood.
      const open = (intent: Intent) => !charged.has(intent.track)
      if (strays > 0) {
        const mayBe = [...intents.values()].filter((intent) => open(intent) && intent.mayCharge()).length
        if (strays > mayBe) breaches.push(breach('every charge was ordered', `${strays} of ${JSON.stringify(newer)}`))
      }
      const unpaid = fresh.filter((intent) => intent.saysCharged && open(intent))
      if (unpaid.length > strays) {
        breaches.push(
          breach('every task reported as charged was charged', unpaid.map((each) => each.shown()).join('\n')),
        )
      }
      fresh = []
      for (const track of charged.keys()) if (!intents.has(track)) charged.delete(track)
      return breaches
    },
  }
}
