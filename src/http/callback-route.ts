import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { StoreUnavailableError } from '../separation/errors.ts'
import type { Trace } from '../runtime/trace.ts'
import type { SaveOutcome } from '../separation/callback/save-callback.ts'
import type { ProviderReport } from '../separation/task/report.ts'
import type { Separations } from '../separation/separations.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { CallbackAddresses } from '../separation/callback/callback-address.ts'
import { createRequestRate } from '../limits/request-rate.ts'
import { createCallbackLog } from './callback-log.ts'
import { readJson } from './read-json.ts'
import { readBody, sendJson } from './respond.ts'
import { decompressBody } from './decompress-body.ts'
import type { Log } from '../runtime/log.ts'

/** Verifies and parses a callback of one provider in one step. */
export interface CallbackParser {
  parseCallback(callback: { readonly headers: IncomingHttpHeaders; readonly body: unknown; readonly nowMs: number }): {
    /** The provider's task id in the payload; null if there is none. Do not trust it until the provider confirms it. */
    readonly providerTaskId: string | null
    /** null: the callback cannot be parsed or trusted. It only triggers a check. */
    readonly report: ProviderReport | null
    /** Whether a signature of the provider vouches for the callback. */
    readonly isSigned: boolean
    /** Why `report` is null, for the log. */
    readonly problem: string | null
  }
}

export interface CallbackRouteOptions {
  readonly addresses: CallbackAddresses
  readonly parsers: ReadonlyMap<ProviderName, CallbackParser>
  readonly separations: Pick<Separations, 'saveCallback'>
  readonly log: Log
  readonly observer: CallbackObserver
}

export interface CallbackObserver {
  /** The result of a callback. `provider` is null if its address is invalid. */
  received(provider: ProviderName | null, result: CallbackResult): void
  /**
   * A callback is stored that can be trusted.
   * @param atMs when its request began, by performance.now()
   */
  stored(taskId: string, atMs: number): void
}

/** The result of a callback. */
export type CallbackResult =
  /** Stored; its task is due, or settled. */
  | 'saved'
  /** Stored, but it cannot be trusted or parsed: it only triggers a check. */
  | 'untrusted'
  /** The store had lost its task, which was restored from the address. */
  | 'restored'
  /** Its task was deleted: nothing is stored. */
  | 'deleted-task'
  /** The store does not know its task, and the address contains no order. */
  | 'unknown-task'
  /** The store was unavailable: the provider is asked to send it again. */
  | 'not-stored'
  /** Its body is too large or not JSON. */
  | 'unreadable'
  /** Its address is not one that this gateway has made. */
  | 'invalid-address'

const maxBodyBytes = 256 * 1024
/** How many requests with an invalid token one IP address may send. */
const invalidTokensPerMinute = 120

/** `POST /callbacks/…`, with one URL for each task: verifies, stores and answers. The check of the provider follows. */
export function createCallbackRoute(options: CallbackRouteOptions) {
  const { addresses, parsers, separations, log, observer } = options
  // Counts only invalid tokens: a provider may share its IP address with a client that guesses tokens.
  const invalidTokenRate = createRequestRate(() => invalidTokensPerMinute)
  const callbackLog = createCallbackLog(log, [...parsers.keys()])

  return async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    trace: Trace,
  ): Promise<void> {
    const startedAtMs = performance.now()
    const address = addresses.parse(path)
    const parser = address === null ? undefined : parsers.get(address.provider)
    if (address === null || parser === undefined) {
      observer.received(null, 'invalid-address')
      callbackLog.refused('invalid-url', null, trace)
      const waitSeconds = await invalidTokenRate.acquire(request.socket.remoteAddress ?? '')
      if (waitSeconds === 0) return sendNotFound(response)
      const headers = { 'retry-after': String(waitSeconds) }
      return sendJson(response, 429, { message: 'Too many requests with an invalid callback URL.' }, headers)
    }
    const { provider, taskId, order } = address
    if (request.method !== 'POST') {
      callbackLog.refused('method', taskId, trace)
      sendJson(response, 405, { message: 'Send callbacks by POST.' }, { allow: 'POST' })
      return
    }
    const raw = await readBody(request, maxBodyBytes)
    const bytes = raw === 'too-large' ? raw : await decompressBody(raw, request.headers, maxBodyBytes)
    if (bytes === 'too-large') {
      observer.received(provider, 'unreadable')
      callbackLog.refused('too-large', taskId, trace)
      sendJson(response, 413, { message: `The body of a callback must not exceed ${maxBodyBytes / 1024} KiB.` })
      return
    }
    const body = readJson(bytes)
    if (body === undefined) {
      observer.received(provider, 'unreadable')
      callbackLog.refused('not-json', taskId, trace)
      sendJson(response, 400, { message: 'The body of a callback must be JSON.' })
      return
    }

    const { providerTaskId, report, isSigned, problem } = parser.parseCallback({
      headers: request.headers,
      body,
      nowMs: Date.now(),
    })
    const callback = { provider, taskId, isSigned, problem }
    try {
      const received = { taskId, provider, providerTaskId, report, isSigned, order, trace }
      const outcome = await separations.saveCallback(received)
      observer.received(provider, resultOf(outcome.kind, problem === null))
      switch (outcome.kind) {
        case 'saved':
          callbackLog.stored(outcome.kind, outcome.task, callback, trace)
          if (problem === null) observer.stored(taskId, startedAtMs)
          return sendJson(response, 200, { status: 'received' })
        case 'deleted':
          callbackLog.deletedTask(callback, trace)
          // So that the provider does not send it again.
          return sendJson(response, 200, { status: 'ignored' })
        case 'restored':
          // The next attempt finds the task.
          callbackLog.stored(outcome.kind, outcome.task, callback, trace)
          return sendUnavailable(response)
        case 'unknown':
          // Another database may hold the task.
          callbackLog.unknownTask(callback, trace)
          return sendUnavailable(response)
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      observer.received(provider, 'not-stored')
      callbackLog.notStored(callback, trace)
      sendUnavailable(response)
    }
  }
}

function resultOf(outcome: SaveOutcome['kind'], isTrusted: boolean): CallbackResult {
  switch (outcome) {
    case 'saved':
      return isTrusted ? 'saved' : 'untrusted'
    case 'restored':
      return 'restored'
    case 'deleted':
      return 'deleted-task'
    case 'unknown':
      return 'unknown-task'
  }
}

/** Answers 503, so that the provider sends the callback again. */
function sendUnavailable(response: ServerResponse): void {
  sendJson(response, 503, { message: 'Try again later.' }, { 'retry-after': '5' })
}

/** The same answer for every invalid callback URL, so that it does not show what is wrong. */
function sendNotFound(response: ServerResponse): void {
  sendJson(response, 404, { message: 'Not found.' })
}
