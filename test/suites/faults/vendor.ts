import { once, setMaxListeners } from 'node:events'
import { createServer, request as post, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Reach } from './kill-points.ts'
import { stemsInCallback, taskIdIn, type Charge } from './ledger.ts'
import { createRandom } from './random.ts'

export interface VendorOptions {
  readonly seed: string
  readonly reachability: Reach
  /** How long a callback's answer is waited for, and how long before each try: the real vendor takes 15 s and minutes. */
  readonly callbackTimeoutMs: number
  readonly callbackPausesMs: readonly number[]
}

/** A vendor with Kie's contract that keeps a ledger: each order that it takes is a charge. */
export interface Vendor {
  readonly port: number
  readonly ledger: readonly Charge[]
  /** How many orders were refused, and how often record-info was asked. */
  readonly counts: { readonly refused: number; readonly reads: number; readonly callbacks: number }
  /** Every order (named by its track) and every read (by the task's id here), by the clock of `performance.now()`. */
  readonly asked: readonly { readonly kind: 'order' | 'read'; readonly of: string; readonly atMs: number }[]
  /** Ends the work on a held track; resolves when a callback to that origin instead of the ordered one was taken, if one is given. */
  finish(charge: Charge, origin: string | null): Promise<void>
  /** Resolves when no callback is under way any more. */
  quiet(): Promise<void>
  close(): Promise<void>
}

/** What a track is like is told by its id: `<number>-<what>`. */
export const trackKinds = ['plain', 'steady', 'broke', 'held'] as const
/**
 * plain: may fail, may be refused the first time. steady: always succeeds, so that whoever orders it again joins.
 * broke: refused for ever, for want of credits. held: never done until `finish`.
 */
export type TrackKind = (typeof trackKinds)[number]

const failingShare = 0.12
const silentShare = 0.15
const refusedOnceShare = 0.1
const longestWorkMs = 1_200
const finishAgainMs = 100

/** Starts it on a port of its own. */
export async function startVendor(options: VendorOptions): Promise<Vendor> {
  const { seed, reachability } = options
  const ledger: Charge[] = []
  const counts = { refused: 0, reads: 0, callbacks: 0 }
  const asked: { readonly kind: 'order' | 'read'; readonly of: string; readonly atMs: number }[] = []
  const refusedOnce = new Set<string>()
  const calling = new Set<Promise<void>>()
  const closing = new AbortController()
  // One listener per callback.
  setMaxListeners(0, closing.signal)

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://vendor')
    response.setHeader('connection', 'close')
    if (request.method === 'POST' && url.pathname === '/api/v1/vocal-removal/generate') {
      const body = await textOf(request)
      const answer = take(JSON.parse(body))
      await reachability('after the charge, before the answer')
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
      return
    }
    if (url.pathname === '/api/v1/chat/credit') {
      return void response.end(JSON.stringify({ code: 200, msg: 'success', data: 1_000_000 }))
    }
    const providerTaskId = url.searchParams.get('taskId') ?? ''
    counts.reads += 1
    asked.push({ kind: 'read', of: providerTaskId, atMs: performance.now() })
    await reachability('during a check')
    const answer = recordInfo(providerTaskId)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  }

  /** An order: refused, or a charge from here on. */
  function take(order: { taskId: string; audioId: string; type: string; callBackUrl: string }): object {
    const { audioId, type, callBackUrl } = order
    asked.push({ kind: 'order', of: audioId, atMs: performance.now() })
    const random = createRandom(`${seed}/track/${audioId}`)
    const [failing, silent, refusing, work] = [random.next(), random.next(), random.next(), random.below(longestWorkMs)]
    const isPlain = audioId.endsWith('plain')
    const isBlocked = audioId.endsWith('held')
    if (audioId.endsWith('broke')) return refuse(402, 'The current credits are insufficient.')
    if (isPlain && refusing < refusedOnceShare && !refusedOnce.has(audioId)) {
      refusedOnce.add(audioId)
      return refuse(429, 'Your call frequency is too high. Please try again later.')
    }
    const outcome = isPlain && failing < failingShare ? 'failed' : 'succeeded'
    const providerTaskId = `kie-${ledger.length + 1}`
    const charge: Charge = {
      providerTaskId,
      audioId,
      type,
      callBackUrl,
      taskId: taskIdIn(callBackUrl),
      outcome,
      stems: outcome === 'failed' ? {} : stemsOf(providerTaskId, type),
      callsBack: !isBlocked && silent >= silentShare,
      doneAtMs: isBlocked ? Number.POSITIVE_INFINITY : performance.now() + work,
      callbackTaken: false,
      answerTaken: false,
    }
    ledger.push(charge)
    if (charge.callsBack) {
      const calls = callBack(charge).finally(() => calling.delete(calls))
      calling.add(calls)
    }
    return { code: 200, msg: 'success', data: { taskId: providerTaskId } }
  }

  function refuse(code: number, msg: string): object {
    counts.refused += 1
    return { code, msg, data: null }
  }

  function recordInfo(providerTaskId: string): object {
    const charge = ledger.find((each) => each.providerTaskId === providerTaskId)
    if (charge === undefined) return { code: 200, msg: 'success', data: null }
    const { audioId, callBackUrl: callbackUrl, outcome, stems } = charge
    const isDone = performance.now() >= charge.doneAtMs
    const failed = isDone && outcome === 'failed'
    return {
      code: 200,
      msg: 'success',
      data: {
        taskId: providerTaskId,
        musicId: `music-of-${audioId}`,
        callbackUrl,
        audioId,
        response: isDone && !failed ? { originUrl: null, ...stems } : null,
        successFlag: isDone ? (failed ? 'GENERATE_AUDIO_FAILED' : 'SUCCESS') : 'PENDING',
        errorCode: failed ? 500 : null,
        errorMessage: failed ? failureMessage : null,
      },
    }
  }

  /** At most four tries, until one is answered with 200. */
  async function callBack(charge: Charge): Promise<void> {
    const body = JSON.stringify(callbackBody(charge))
    await sleep(Math.max(0, charge.doneAtMs - performance.now()))
    for (const pauseMs of options.callbackPausesMs) {
      await sleep(pauseMs)
      if (closing.signal.aborted) return
      counts.callbacks += 1
      if ((await callOnce(charge.callBackUrl, body)) !== 200) continue
      charge.callbackTaken = true
      await reachability("after a callback's 200")
      return
    }
  }

  /** Resolves to the status of the answer, 0 if there was none. */
  async function callOnce(url: string, body: string): Promise<number> {
    const sent = post(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': body.length, connection: 'close' },
      signal: closing.signal,
    })
    const timer = setTimeout(() => sent.destroy(), options.callbackTimeoutMs)
    sent.once('close', () => clearTimeout(timer))
    const answered = new Promise<number>((resolve) => {
      sent.once('response', (response) => {
        response.on('error', () => {}).resume()
        resolve(response.statusCode ?? 0)
      })
      sent.once('close', () => resolve(0))
      sent.on('error', () => resolve(0))
    })
    const half = Math.floor(body.length / 2)
    sent.write(body.slice(0, half))
    await sleep(5)
    await reachability('during a callback')
    sent.end(body.slice(half))
    return answered
  }

  return {
    port: address.port,
    ledger,
    counts,
    asked,
    async finish(charge, origin) {
      charge.doneAtMs = performance.now()
      if (origin === null) return
      const url = new URL(new URL(charge.callBackUrl).pathname, origin).href
      const body = JSON.stringify(callbackBody(charge))
      while (!closing.signal.aborted) {
        counts.callbacks += 1
        if ((await callOnce(url, body)) === 200) {
          charge.callbackTaken = true
          return
        }
        await sleep(finishAgainMs)
      }
    },
    async quiet() {
      await Promise.all(calling)
    },
    async close() {
      closing.abort()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await Promise.all([closed, ...calling])
    },
  }
}

const failureMessage = 'Internal Error - Please try again later.'

function callbackBody(charge: Charge): object {
  const { outcome, providerTaskId } = charge
  if (outcome === 'failed') {
    return { code: 500, msg: failureMessage, data: { task_id: providerTaskId, vocal_separation_info: null } }
  }
  const info = Object.fromEntries(Object.entries(stemsInCallback(charge)).map(([name, url]) => [snakeCase(name), url]))
  return {
    code: 200,
    msg: 'vocal separation generated successfully.',
    data: { task_id: providerTaskId, vocal_separation_info: { origin_url: '', ...info } },
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)
}

function stemsOf(providerTaskId: string, type: string): Record<string, string> {
  const parts = type === 'split_stem' ? ['vocal', 'drums', 'bass', 'piano', 'backingVocals'] : ['vocal', 'instrumental']
  return Object.fromEntries(parts.map((part) => [`${part}Url`, `https://files.example/${providerTaskId}/${part}.mp3`]))
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
