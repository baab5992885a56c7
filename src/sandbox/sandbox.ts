import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createCallbacks } from './callbacks.ts'
import { createFiles } from './files.ts'
import { createLedger } from './ledger.ts'
import { createSong } from './song/song.ts'
import { readSubmission, type Refusal } from './submission.ts'
import { createTaskIds } from './task-id.ts'
import { createTasks } from './tasks.ts'
import { testTracks } from './test-tracks.ts'
import { createTimers } from './timers.ts'

/** The provider's own waits, in ms. */
export interface SandboxTiming {
  /** How long the receiver of a callback may take to answer. */
  readonly callbackTimeoutMs: number
  /** The pauses before each of the further tries of a callback. */
  readonly retryPausesMs: readonly number[]
  /** When the submit of `hanging-answer` is answered. */
  readonly lateAnswerMs: number
}

export interface SandboxOptions {
  /** Where those who fetch files reach this server, e.g. `http://127.0.0.1:4000`; asked late, as the port may be. */
  readonly publicUrl: () => string
  /** What a client of the API must send: `Authorization: Bearer <key>`. */
  readonly apiKey: string
  /**
   * Callbacks are sent below this address alone, e.g. `http://127.0.0.1:4000/callbacks/`; asked late, as the port may be.
   * Otherwise whoever has the key could make this machine post to any other.
   */
  readonly callbacksUrl: () => string
  /** Seals task ids so that they cannot be made up. */
  readonly secret: string
  /** How long a usual separation takes, in ms. */
  readonly delayMs: number
  /** Told what went wrong; never a callback URL, which holds a secret, only its host. */
  readonly log: (message: string, detail: Record<string, unknown>) => void
  /** Made shorter by tests. */
  readonly timing?: Partial<SandboxTiming>
}

/** A provider without money: the same REST contract as the real ones, under `/sandbox` of a server. */
export interface Sandbox {
  /** Answers a request whose path begins with `/sandbox`: the caller has checked that. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Stops timers and deliveries in flight, and cuts the submits that are still waiting for their answer. */
  close(): Promise<void>
}

const providersTiming: SandboxTiming = {
  callbackTimeoutMs: 15_000,
  retryPausesMs: [1000, 3000, 9000],
  lateAnswerMs: 60_000,
}

const maxBodyBytes = 64 * 1024

/** Makes the provider. It does nothing until it is asked; `close` it when the server closes. */
export function createSandbox(options: SandboxOptions): Sandbox {
  const { publicUrl, apiKey, callbacksUrl, secret, delayMs, log, timing } = options
  const { callbackTimeoutMs, retryPausesMs, lateAnswerMs } = { ...providersTiming, ...timing }
  const ledger = createLedger()
  const files = createFiles(createSong())
  const timers = createTimers()
  const callbacks = createCallbacks({ timeoutMs: callbackTimeoutMs, retryPausesMs, timers, log })
  const tasks = createTasks({ publicUrl, delayMs, taskIds: createTaskIds(secret), ledger, callbacks, timers })
  const waiting = new Set<ServerResponse>()

  function answerLate(response: ServerResponse, data: unknown): void {
    const cancel = timers.at(Date.now() + lateAnswerMs, () => succeed(response, data))
    waiting.add(response)
    response.once('close', () => {
      cancel()
      waiting.delete(response)
    })
  }

  async function generate(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    if (body === null) return refuse(response, { code: 413, msg: 'The request body is too large' })
    const submission = readSubmission(body, callbacksUrl())
    if ('code' in submission) return refuse(response, submission)
    const { answer } = submission.track
    if (typeof answer === 'object') return refuse(response, answer)
    const data = { taskId: tasks.accept(submission) }
    switch (answer) {
      case 'at-once':
        return succeed(response, data)
      case 'late':
        return answerLate(response, data)
      case 'never':
        response.destroy()
    }
  }

  function recordInfo(query: URLSearchParams, response: ServerResponse): void {
    const taskId = query.get('taskId') ?? ''
    if (taskId === '') refuse(response, { code: 422, msg: 'Please enter taskId.' })
    else succeed(response, tasks.read(taskId))
  }

  async function callApi(call: string, query: URLSearchParams, request: IncomingMessage, response: ServerResponse) {
    if (!isSame(request.headers.authorization ?? '', `Bearer ${apiKey}`)) {
      return refuse(response, { code: 401, msg: 'You do not have access permissions' })
    }
    switch (call) {
      case 'POST /api/v1/vocal-removal/generate':
        return generate(request, response)
      case 'GET /api/v1/vocal-removal/record-info':
        return recordInfo(query, response)
      case 'GET /api/v1/chat/credit':
        return succeed(response, ledger.credits())
      default:
        return sendNotFound(response)
    }
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [address = '', query = ''] = (request.url ?? '').split(/\?(.*)/s)
    const path = address.slice('/sandbox'.length)
    const call = `${request.method} ${path}`
    if (path.startsWith('/api/')) return callApi(call, new URLSearchParams(query), request, response)
    if (call === 'GET /ledger') return sendJson(response, ledger.list())
    if (call === 'GET /tracks') {
      const tracks = testTracks.map(({ audioId, description }) => ({ audioId, description }))
      return sendJson(response, tracks)
    }
    if (path.startsWith('/files/') && files.serve(path.slice('/files'.length), request, response)) return
    sendNotFound(response)
  }

  function fail(response: ServerResponse, error: unknown): void {
    log('sandbox failed to answer', { error })
    if (response.headersSent) response.destroy()
    else sendJson(response, { code: 500, msg: 'Internal Error', data: null })
  }

  return {
    handle(request, response) {
      route(request, response).catch((error: unknown) => {
        // A client that left in the middle of its request is no news.
        if (request.complete) fail(response, error)
        else response.destroy()
      })
    },
    async close() {
      timers.stop()
      for (const response of waiting) response.destroy()
      await callbacks.close()
    },
  }
}

/** In a time that tells nothing of where they differ. */
function isSame(given: string, expected: string): boolean {
  const digestOf = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digestOf(given), digestOf(expected))
}

/** Null if it is longer than the provider takes. It is read to its end even so, or the client would miss the answer. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= maxBodyBytes) chunks.push(chunk)
  }
  return bytes > maxBodyBytes ? null : Buffer.concat(chunks).toString('utf8')
}

function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  const text = JSON.stringify(body)
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
    })
    .end(text)
}

function succeed(response: ServerResponse, data: unknown): void {
  sendJson(response, { code: 200, msg: 'success', data })
}

/** The provider says what is wrong in the body; HTTP says 200 all the same. */
function refuse(response: ServerResponse, { code, msg }: Refusal): void {
  sendJson(response, { code, msg, data: null })
}

function sendNotFound(response: ServerResponse): void {
  sendJson(response, { code: 404, msg: 'Not Found', data: null }, 404)
}
