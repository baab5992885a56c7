import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Reach } from './kill-points.ts'
import type { Random } from './random.ts'

/** Faults of the network and its servers that can hit one request. All but the last three may leave it charged. */
export const faultKinds = [
  'slow answer',
  'dripping answer',
  'reset after the request',
  'closed without an answer',
  'cut in the headers',
  'cut in the body',
  'HTML 502',
  'HTML 504',
  'garbage',
  '200 with code 500',
  '200 without a task',
  'reset before the request',
  'half open',
  'connection refused',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** On the way of a callback only the gateway may answer 200. */
export const callbackFaultKinds = faultKinds.filter((kind) => !kind.startsWith('200'))

export interface FaultProxyOptions {
  /** The port of the server behind the proxy; null while there is none. */
  readonly target: () => number | null
  readonly random: Random
  /** The share of connections that suffer a fault, from 0 to 1. */
  readonly faultShare: number
  readonly kinds: readonly FaultKind[]
  /** The kill points on this connection; only orders (POST) reach them. */
  readonly reachability: Reach | null
  /** Called for each order whose answer was sent whole and unchanged. */
  readonly onDelivered: (delivery: Delivery) => void
}

/** An order that was passed on, and its time by the clock of `performance.now()`. */
export interface Delivery {
  readonly request: string
  readonly arrivedAtMs: number
  readonly deliveredAtMs: number
}

/** A proxy between a client and a server that both close their connection after one request. */
export interface FaultProxy {
  readonly url: string
  /** The number of times each fault occurred. */
  readonly struck: ReadonlyMap<FaultKind, number>
  /** From now on everything passes; hanging connections are closed. */
  heal(): void
  close(): Promise<void>
}

const longestDelayMs = 2_500
const refusedMs = 150

/** Starts a proxy on a port of its own. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { target, random, faultShare, kinds, reachability, onDelivered } = options
  const struck = new Map<FaultKind, number>()
  const sockets = new Set<Socket>()
  const hanging = new Set<Socket>()
  let isHealed = false
  let relisten: NodeJS.Timeout | undefined

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    keep(socket)
    const addIssue = isHealed || random.next() >= faultShare ? null : random.pick(kinds)
    const delayMs = random.below(longestDelayMs)
    void serve(socket, addIssue, delayMs).catch(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  const { port } = address

  function keep(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }

  async function serve(socket: Socket, addIssue: FaultKind | null, delayMs: number): Promise<void> {
    const first = await firstChunk(socket)
    if (first === null) return void socket.destroy()
    if (addIssue !== null) struck.set(addIssue, (struck.get(addIssue) ?? 0) + 1)
    const arrivedAtMs = performance.now()
    const isOrder = reachability !== null && first.toString('latin1').startsWith('POST')
    if (isOrder && (await reachability('before the request is forwarded'))) return void socket.destroy()
    if (addIssue === 'half open') {
      hanging.add(socket)
      socket.resume()
      return
    }
    if (addIssue === 'connection refused') stopListening()
    if (addIssue === 'connection refused' || addIssue === 'reset before the request')
      return void socket.resetAndDestroy()
    const passed = await forward(socket, first)
    if (passed === null || passed.answer.length === 0) return void socket.destroy()
    const delivered = () => {
      if (isOrder) onDelivered({ request: passed.request, arrivedAtMs, deliveredAtMs: performance.now() })
    }
    if (!isOrder || addIssue !== null) return deliver(socket, passed.answer, { addIssue, delayMs, delivered })
    const half = Math.ceil(passed.answer.length / 2)
    socket.write(passed.answer.subarray(0, half))
    await reachability('half the answer sent')
    await end(socket, passed.answer.subarray(half))
    delivered()
    await reachability('after the answer')
  }

  /** Streams the request to the server; resolves to the response when the server has closed. */
  async function forward(socket: Socket, first: Buffer): Promise<{ request: string; answer: Buffer } | null> {
    const to = target()
    if (to === null) return null
    const upstream = connect(to, '127.0.0.1')
    keep(upstream)
    let request = first.toString('latin1')
    const answer: Buffer[] = []
    upstream.write(first)
    socket.on('data', (chunk: Buffer) => {
      request += chunk.toString('latin1')
      upstream.write(chunk)
    })
    socket.resume()
    socket.once('close', () => upstream.destroy())
    upstream.on('data', (chunk: Buffer) => answer.push(chunk))
    await new Promise<void>((resolve) => upstream.once('end', resolve).once('close', () => resolve()))
    return { request, answer: Buffer.concat(answer) }
  }

  async function deliver(
    socket: Socket,
    whole: Buffer,
    how: { readonly addIssue: FaultKind | null; readonly delayMs: number; readonly delivered: () => void },
  ): Promise<void> {
    const { addIssue, delayMs, delivered } = how
    if (addIssue === 'reset after the request') return void socket.resetAndDestroy()
    const instead = addIssue === null ? undefined : insteadOf(whole)[addIssue]
    if (instead !== undefined) return end(socket, instead)
    let sent = 0
    if (addIssue === 'slow answer') await pause(delayMs)
    while (addIssue === 'dripping answer' && sent < whole.length - 1 && !socket.destroyed) {
      socket.write(whole.subarray(sent, Math.min(sent + 16, whole.length - 1)))
      sent = Math.min(sent + 16, whole.length - 1)
      await pause(10)
    }
    await end(socket, whole.subarray(sent))
    delivered()
  }

  function stopListening(): void {
    if (!server.listening) return
    server.close()
    relisten = setTimeout(() => server.listen(port, '127.0.0.1'), refusedMs)
  }

  async function pause(ms: number): Promise<void> {
    if (!isHealed) await sleep(ms)
  }

  return {
    url: `http://127.0.0.1:${port}`,
    struck,
    heal() {
      isHealed = true
      for (const socket of hanging) socket.resetAndDestroy()
    },
    async close() {
      clearTimeout(relisten)
      for (const socket of sockets) socket.destroy()
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
}

async function firstChunk(socket: Socket): Promise<Buffer | null> {
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => {
      socket.pause()
      resolve(chunk)
    })
    socket.once('end', () => resolve(null))
    socket.once('close', () => resolve(null))
  })
}

/** Sends the last bytes; resolves when they are handed to the system, rejects if the other side has closed. */
async function end(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.destroyed) throw new Error('The other side is gone.')
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => reject(new Error('The other side is gone.')))
    socket.end(bytes, resolve)
  })
}

/** What is sent instead of the answer. */
function insteadOf(answer: Buffer): Partial<Record<FaultKind, Buffer>> {
  const headersEnd = answer.indexOf('\r\n\r\n') + 4
  return {
    'closed without an answer': Buffer.alloc(0),
    'cut in the headers': answer.subarray(0, Math.floor(headersEnd / 2)),
    'cut in the body': answer.subarray(0, Math.floor((headersEnd + answer.length) / 2)),
    'HTML 502': page('502 Bad Gateway'),
    'HTML 504': page('504 Gateway Timeout'),
    garbage: Buffer.from('\u0000\u0007 garbage \u0015 not HTTP at all\r\n\r\n'),
    '200 with code 500': json('{"code":500,"msg":"Internal Error","data":null}'),
    '200 without a task': json('{"code":200,"msg":"success","data":null}'),
  }
}

function page(status: string): Buffer {
  const html = `<html><head><title>${status}</title></head><body><center><h1>${status}</h1></center></body></html>`
  return Buffer.from(
    `HTTP/1.1 ${status}\r\nContent-Type: text/html\r\nContent-Length: ${html.length}\r\nConnection: close\r\n\r\n${html}`,
  )
}

function json(text: string): Buffer {
  return Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  )
}
