import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { accepted, sendBody } from '../../support/played-provider.ts'
import { plantCallbackUrl } from '../../support/canaries.ts'

/** An order as it arrived: a charge. */
export interface Charge {
  /** The first word of the path by which it came: a provider of one gateway. */
  readonly lane: string
  readonly musicTaskId: string
  readonly audioId: string
  readonly callBackUrl: string
  readonly providerTaskId: string
}

/** What is written to the line, as it is, before it is ended or reset. */
export interface RawAnswer {
  readonly bytes: Buffer
  readonly ending: 'end' | 'reset'
}

/** A vendor that takes every order and counts it, and answers as it is told to. */
export interface FuzzProvider {
  /** Under which it serves a provider of a gateway. */
  url(lane: string): string
  /** Every charge so far. */
  readonly charges: readonly Charge[]
  /** How an order of this track is answered, instead of being accepted. `null` as the id leaves what was planned. */
  answerOrder(audioId: string, answer: (charge: Charge) => RawAnswer): void
  /** How record-info answers for this id, instead of PENDING for what was ordered, and of nothing for what was not. */
  answerRead(providerTaskId: string, answer: RawAnswer | object): void
  /** How often record-info was asked. */
  reads(): number
  /** What stands at `/keys`. */
  publishKeys(keys: object): void
  close(): Promise<void>
}

export async function startFuzzProvider(): Promise<FuzzProvider> {
  const charges: Charge[] = []
  const byId = new Map<string, Charge>()
  const orderAnswers = new Map<string, (charge: Charge) => RawAnswer>()
  const readAnswers = new Map<string, RawAnswer | object>()
  let reads = 0
  let keys: object = {}

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  const origin = `http://127.0.0.1:${address.port}`

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin)
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    if (url.pathname === '/keys') return sendBody(response, keys)
    if (request.method === 'POST') return take(url.pathname.split('/')[1] ?? '', Buffer.concat(chunks), response)
    reads += 1
    const providerTaskId = url.searchParams.get('taskId') ?? ''
    const planned = readAnswers.get(providerTaskId)
    if (planned !== undefined) return 'bytes' in planned ? sendRaw(response, planned) : sendBody(response, planned)
    const charge = byId.get(providerTaskId)
    const data =
      charge === undefined
        ? null
        : { taskId: providerTaskId, callbackUrl: charge.callBackUrl, audioId: charge.audioId, successFlag: 'PENDING' }
    sendBody(response, { code: 200, msg: 'success', data })
  }

  function take(lane: string, body: Buffer, response: ServerResponse): void {
    const { taskId, audioId, callBackUrl } = JSON.parse(body.toString())
    const providerTaskId = `fuzz-${charges.length + 1}`
    const charge = { lane, musicTaskId: taskId, audioId, callBackUrl, providerTaskId }
    charges.push(charge)
    byId.set(providerTaskId, charge)
    plantCallbackUrl(callBackUrl)
    const planned = orderAnswers.get(audioId)
    if (planned === undefined) return sendBody(response, accepted(providerTaskId))
    orderAnswers.delete(audioId)
    sendRaw(response, planned(charge))
  }

  return {
    url: (lane) => `${origin}/${lane}`,
    charges,
    answerOrder: (audioId, answer) => void orderAnswers.set(audioId, answer),
    answerRead: (providerTaskId, answer) => void readAnswers.set(providerTaskId, answer),
    reads: () => reads,
    publishKeys: (now) => void (keys = now),
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** What proves a callback's address. */
export function tokenOf(callBackUrl: string): string {
  return secretPartOf(callBackUrl).split('.')[0] ?? ''
}

/** What a callback's address says of its order, sealed. */
export function sealedOrderOf(callBackUrl: string): string {
  return secretPartOf(callBackUrl).split('.')[1] ?? ''
}

function secretPartOf(callBackUrl: string): string {
  return callBackUrl.slice(callBackUrl.lastIndexOf('/') + 1)
}

function sendRaw({ socket }: ServerResponse, { bytes, ending }: RawAnswer): void {
  if (socket === null) return
  socket.write(bytes, () => {
    if (ending === 'end') socket.end()
    else socket.resetAndDestroy()
  })
}
