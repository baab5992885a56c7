import * as fc from 'fast-check'
import { createFamily, type Family } from './family.ts'
import type { FuzzWorld } from './fuzz-world.ts'
import { judgeAnswer } from './judge-answer.ts'
import type { OrderBook } from './order-book.ts'
import { openRawSocket } from './raw-socket.ts'
import { calmSteps, newId, plain, wildSteps } from './socket-steps.ts'

/** Sockets on which frames of every kind come, and graphql-ws's messages in every order. */
export function createFrames(world: FuzzWorld, orders: OrderBook, waiting: (where: number) => string): Family {
  const things = fc.record({
    begin: fc.oneof(
      { weight: 12, arbitrary: fc.constant('init') },
      { weight: 1, arbitrary: fc.constantFrom('bad init', 'none') },
    ),
    steps: fc.oneof({ weight: 1, arbitrary: calmSteps }, { weight: 2, arbitrary: wildSteps }),
    protocol: fc.oneof(
      { weight: 20, arbitrary: fc.constant('graphql-transport-ws') },
      { weight: 1, arbitrary: fc.constantFrom('graphql-ws', 'x', null) },
    ),
    /** Whether our side is closed behind the last frame, in the middle of everything. */
    hangsUp: fc.constantFrom(false, false, false, true),
    where: fc.constantFrom(0, 1),
    from: fc.nat(250),
  })
  return createFamily({
    name: 'frames',
    things,
    countOf: ({ steps: all }) => 1 + all.flat().length,
    batch: 60,
    atATime: 8,
    async play({ begin, steps: all, protocol, hangsUp, where, from }) {
      const createOrder = world.places[where === 0 ? 0 : 1]
      const tracks: string[] = []
      let nextId = 0
      const fill = (payload: Buffer) => {
        const text = payload.toString('latin1').replaceAll(newId, () => `${++nextId}`)
        if (!text.includes('TRACK') && !text.includes('WAITING')) return Buffer.from(text, 'latin1')
        const track = orders.newTrack()
        tracks.push(track)
        return Buffer.from(text.replaceAll('TRACK', track).replaceAll('WAITING', waiting(where)), 'latin1')
      }
      const authorization = begin === 'bad init' ? 'Bearer nobody' : createOrder.authorization
      const init = { type: 'connection_init', payload: authorization === null ? {} : { authorization } }
      const opening = begin === 'none' ? [] : [{ ...plain, payload: Buffer.from(JSON.stringify(init)) }]
      const frames = all.flat().map((frame) => ({ ...frame, payload: fill(frame.payload) }))
      const socket = await openRawSocket({ url: createOrder.gateway.url, protocol, from: `127.0.2.${from + 1}` })
      const heard = await socket.talk([...opening, ...frames], hangsUp)
      const isLetIn = begin === 'init' || (createOrder.authorization === null && all.length > 0)
      for (const track of tracks) {
        orders.add({
          track,
          mayCharge: () => isLetIn,
          saysCharged: false,
          shown: () =>
            JSON.stringify({ begin, protocol, frames: frames.map((frame) => String(frame.payload).slice(0, 200)) }),
        })
      }
      return { verdicts: heard.verdicts, breaches: judgeAnswer(heard.text, heard.status) }
    },
  })
}
