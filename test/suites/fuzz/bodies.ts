import { createFamily, type Family } from './family.ts'
import type { FuzzWorld } from './fuzz-world.ts'
import { judgeAnswer } from './judge-answer.ts'
import type { OrderBook } from './order-book.ts'
import { framed } from './framed.ts'
import { sendRaw } from './raw-http.ts'
import { rawRequests } from './raw-requests.ts'

/** Requests as they may never come from a client that knows HTTP: every byte of them is written by us. */
export function createBodies(world: FuzzWorld, orders: OrderBook): Family {
  return createFamily({
    name: 'bodies',
    things: rawRequests,
    countOf: () => 1,
    batch: 400,
    atATime: 16,
    async play({
      host,
      method,
      path,
      version,
      headers,
      framing,
      credential,
      head: state,
      flips,
      where,
      from,
      ...thing
    }) {
      const createOrder = world.places[where === 0 ? 0 : 1]
      const track = orders.newTrack()
      const body = Buffer.from(thing.body.toString('latin1').replaceAll('TRACK', track), 'latin1')
      const isGood = credential === 'good' || createOrder.authorization === null
      const url = new URL(createOrder.gateway.url)
      const given = [
        `Host: ${host ?? url.host}`,
        ...(headers.some(([name]) => name === 'content-type') ? [] : ['Content-Type: application/json']),
        ...(createOrder.authorization === null || credential !== 'good'
          ? []
          : [`Authorization: ${createOrder.authorization}`]),
        ...headers.map(([name, value]) => `${name}: ${value}`),
      ]
      const { fields, content } = framed(body, framing)
      const line = `${method} ${path.replaceAll('TRACK', track)} HTTP/${version}`
      const head = Buffer.from([line, ...given, ...fields, '', ''].join('\r\n'), 'latin1')
      if (state === 'mangled') {
        for (const [at, byte] of flips) head[Math.floor(at * (head.length - 1))] = byte
      }
      const answer = await sendRaw({
        port: Number(url.port),
        from: `127.0.1.${from + 1}`,
        bytes: Buffer.concat([head, content]),
        hangsUp: framing === 'cut' || framing === 'too long',
      })
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
      orders.add({
        track,
        // Whether it is HTTP after all is Node's to say; what is no POST, or comes from nobody, is no order in any case.
        mayCharge: () => isGood && (method === 'POST' || state === 'mangled'),
        saysCharged: /"reused":\s*false/.test(answer),
        shown: () => Buffer.concat([head, content]).toString('latin1'),
      })
      const verdict = status === 0 ? (answer === '' ? 'closed without a word' : 'no HTTP') : String(status)
      return { verdicts: [verdict], breaches: judgeAnswer(answer, status) }
    },
  })
}
