import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { canary, plantCallbackUrl } from './canaries.ts'
import type { Ending } from './gateway.ts'

/** An order as the provider received it. */
export interface ReceivedOrder {
  readonly headers: IncomingHttpHeaders
  readonly body: {
    readonly taskId: string
    readonly audioId: string
    readonly type: string
    readonly callBackUrl: string
  }
}

/** How the provider answers: a body of JSON (with status 200), or anything that the function does with the response. */
export type Play = object | ((response: ServerResponse, nth: number) => void | Promise<void>)

/** A small real HTTP server that plays the provider as a test directs it. */
export interface PlayedProvider {
  readonly url: string
  /** What was ordered so far: each of these is a charge. */
  readonly orders: readonly ReceivedOrder[]
  /** The task ids that record-info was asked for so far. */
  readonly reads: readonly string[]
  /** The API keys of the calls for the balance so far. */
  readonly creditCalls: readonly string[]
  /** Environment variables that make a gateway use it as kie. */
  readonly environment: Readonly<Record<string, string>>
  /** Says how submits are answered from now on. */
  answerSubmit(play: Play): void
  /** Says how record-info is answered from now on. */
  answerRead(play: Play): void
  /** Says how calls for the balance are answered from now on. */
  answerCredits(play: Play): void
  /** Resolves to the order with this index (from 0) once it has arrived. */
  order(index: number): Promise<ReceivedOrder>
  /** Resolves when record-info has been asked for this many times. */
  readTimes(count: number): Promise<void>
  /** Calls a task back, as the vendor would; resolves to the status of the answer. */
  callBack(url: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<number>
  /** Stops listening and cuts every connection, as a dead host would; `revive` listens again on the same port. */
  die(): Promise<void>
  revive(): Promise<void>
}

/** What a gateway proves itself with. */
export const kieKey = `kie-key-${canary}`

/** By default it accepts every order as `provider-task-<n>` (from 1), answers PENDING to every check and has many credits. */
export async function startPlayedProvider(atEnd: Ending = onTestFinished): Promise<PlayedProvider> {
  const orders: ReceivedOrder[] = []
  const reads: string[] = []
  const creditCalls: string[] = []
  const waiting: (() => void)[] = []
  let submit: Play = (response, nth) => sendBody(response, accepted(`provider-task-${nth}`))
  let read: Play = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }

  let credits: Play = balanceOf(1_000_000)

  const server = createServer((request, response) => void receive(request, response))

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://provider')
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    if (request.method === 'POST') {
      const body: ReceivedOrder['body'] = JSON.parse(Buffer.concat(chunks).toString())
      plantCallbackUrl(body.callBackUrl)
      orders.push({ headers: request.headers, body })
      play(submit, response, orders.length)
    } else if (url.pathname.endsWith('/credit')) {
      creditCalls.push((request.headers.authorization ?? '').replace('Bearer ', ''))
      play(credits, response, creditCalls.length)
    } else {
      reads.push(url.searchParams.get('taskId') ?? '')
      play(read, response, reads.length)
    }
    for (const wake of waiting.splice(0)) wake()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  const { port } = address
  const url = `http://127.0.0.1:${port}`

  const die = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  atEnd(die)

  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((resolve) => waiting.push(resolve))
  }

  return {
    url,
    orders,
    reads,
    creditCalls,
    // The provider has no files, so tests look at the URLs that it names.
    environment: { KIE_API_KEY: kieKey, KIE_BASE_URL: url, STEM_LINKS: 'direct' },
    answerSubmit: (how) => void (submit = how),
    answerRead: (how) => void (read = how),
    answerCredits: (how) => void (credits = how),
    async order(index) {
      await until(() => orders.length > index)
      const order = orders[index]
      if (order === undefined) throw new Error('An order that has arrived is there.')
      return order
    },
    readTimes: (count) => until(() => reads.length >= count),
    async callBack(to, body, headers = {}) {
      const response = await fetch(to, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
      await response.arrayBuffer()
      return response.status
    },
    die,
    async revive() {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
}

/** The answer to an accepted order. */
export function accepted(taskId: string): object {
  return { code: 200, msg: 'success', data: { taskId } }
}

/** The answer to a call for the balance. */
export function balanceOf(credits: number): object {
  return { code: 200, msg: 'success', data: credits }
}

/** The answer to a submit by which Kie says that the account is empty. */
export const noCredits = { code: 402, msg: 'The current credits are insufficient.', data: null }

/** Record-info's answer for a task that has its two stems; `data` adds to it or overrides it. */
export function recordOfSuccess(taskId: string, data: object = {}): object {
  return {
    code: 200,
    msg: 'success',
    data: {
      taskId,
      musicId: 'music-1',
      callbackUrl: null,
      audioId: 'audio-1',
      completeTime: Date.now(),
      response: {
        originUrl: null,
        instrumentalUrl: 'https://files.example/instrumental.mp3',
        vocalUrl: 'https://files.example/vocal.mp3',
      },
      successFlag: 'SUCCESS',
      createTime: Date.now() - 1000,
      errorCode: null,
      errorMessage: null,
      ...data,
    },
  }
}

/** A callback that brings two stems. */
export function callbackOfSuccess(taskId: string): object {
  return {
    code: 200,
    msg: 'vocal separation generated successfully.',
    data: {
      task_id: taskId,
      vocal_separation_info: {
        instrumental_url: 'https://files.example/callback-instrumental.mp3',
        origin_url: '',
        vocal_url: 'https://files.example/callback-vocal.mp3',
      },
    },
  }
}

/** Answers with JSON. */
export function sendBody(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function play(how: Play, response: ServerResponse, nth: number): void {
  if (typeof how === 'function') how(response, nth)
  else sendBody(response, how)
}
