import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createCallbacks } from './callbacks.ts'
import { createFiles } from './files.ts'
import { createLedger } from './ledger.ts'
import { createSong } from './song/song.ts'
import { readSubmission, type ApiError } from './submission.ts'
import { createTaskIds } from './task-id.ts'
import { createTasks } from './tasks.ts'
import { testTracks } from './test-tracks.ts'
import { createTimers } from './timers.ts'

/** The timeouts and delays of the provider, in milliseconds. */
export interface SandboxTiming {
  /** The timeout of an answer to a callback. */
  readonly callbackTimeoutMs: number
  /** The delay before each retry of a callback. */
  readonly retryDelaysMs: readonly number[]
  /** The delay of the answer to a submit of `hanging-answer`. */
  readonly lateAnswerMs: number
}

export interface SandboxOptions {
  /** The base URL of the files, e.g. `http://127.0.0.1:4000`. A function, because the port may be known late. */
  readonly publicUrl: () => string
  /** Clients of the API must send `Authorization: Bearer <key>`. */
  readonly apiKey: string
  /**
   * Callbacks are sent only to URLs below this one, e.g. `http://127.0.0.1:4000/callbacks/`. Otherwise a client with the key
   * could make this machine post to any other. A function, because the port may be known late.
   */
  readonly callbacksUrl: () => string
  /** Seals task ids, so that they cannot be forged. */
  readonly secret: string
  /** The default duration of a separation, in milliseconds. */
  readonly delayMs: number
  /** Logs failures. Of a callback URL, which holds a secret, it gets only the host. */
  readonly log: (message: string, detail: Record<string, unknown>) => void
  /** Tests shorten it. */
  readonly timing?: Partial<SandboxTiming>
}

/** A free provider with the REST contract of the real ones, under `/sandbox` of a server. */
export interface Sandbox {
  /** Answers a request. The caller has checked that its path begins with `/sandbox`. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Stops timers and deliveries in flight, and cuts the connections of submits without an answer. */
  close(): Promise<void>
}

const defaultTiming: SandboxTiming = {
  callbackTimeoutMs: 15_000,
  retryDelaysMs: [1000, 3000, 9000],
  lateAnswerMs: 60_000,
}

const maxBodyBytes = 64 * 1024

/** Creates the sandbox. It does nothing before its first request. Call `close` when the server closes. */
export function createSandbox(options: SandboxOptions): Sandbox {
  const { publicUrl, apiKey, callbacksUrl, secret, delayMs, log, timing } = options
  const { callbackTimeoutMs, retryDelaysMs, lateAnswerMs } = { ...defaultTiming, ...timing }
  const ledger = createLedger()
  const timers = createTimers()
  const files = createFiles(createSong(), timers)
  const callbacks = createCallbacks({ timeoutMs: callbackTimeoutMs, retryDelaysMs, timers, log })
  const tasks = createTasks({ publicUrl, delayMs, taskIds: createTaskIds(secret), ledger, callbacks, timers })
  const pendingResponses = new Set<ServerResponse>()

  function answerLate(response: ServerResponse, data: unknown): void {
    const cancel = timers.at(Date.now() + lateAnswerMs, () => succeed(response, data))
    pendingResponses.add(response)
    response.once('close', () => {
      cancel()
      pendingResponses.delete(response)
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
    if (!isEqual(request.headers.authorization ?? '', `Bearer ${apiKey}`)) {
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
    log('the sandbox could not answer a request', { event: 'sandbox.request-failed', error })
    if (response.headersSent) response.destroy()
    else sendJson(response, { code: 500, msg: 'Internal Error', data: null })
  }

  return {
    handle(request, response) {
      route(request, response).catch((error: unknown) => {
        // Ignores a client that disconnected in the middle of its request.
        if (request.complete) fail(response, error)
        else response.destroy()
      })
    },
    async close() {
      timers.stop()
      for (const response of pendingResponses) response.destroy()
      await callbacks.close()
    },
  }
}

/** Compares in constant time. */
function isEqual(actual: string, expected: string): boolean {
  const digestOf = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digestOf(actual), digestOf(expected))
}

/** Returns null if the body is too long. Reads it to its end nevertheless, or the client would miss the answer. */
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

/** Answers an error as the providers do: HTTP 200 with the code in the body. */
function refuse(response: ServerResponse, { code, msg }: ApiError): void {
  sendJson(response, { code, msg, data: null })
}

function sendNotFound(response: ServerResponse): void {
  sendJson(response, { code: 404, msg: 'Not Found', data: null }, 404)
}
