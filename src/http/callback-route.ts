import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { StoreUnavailableError } from '../separation/errors.ts'
import { createOutageLog, type OutageLog } from '../runtime/outage-log.ts'
import type { ProviderReport } from '../separation/advance/report.ts'
import type { Separations } from '../separation/separations.ts'
import type { ProviderName } from '../separation/task.ts'
import type { CallbackAddresses } from '../separation/callback/callback-address.ts'
import { createRequestRate } from '../limits/request-rate.ts'
import { readJson } from './read-json.ts'
import { readBody, sendJson } from './respond.ts'
import { decompressBody } from './decompress-body.ts'
import type { Log } from '../runtime/log.ts'

/** Verifies and reads a callback of one provider's in one step. */
export interface CallbackParser {
  parseCallback(callback: { readonly headers: IncomingHttpHeaders; readonly body: unknown; readonly nowMs: number }): {
    /** The provider's id that it names; null if it names none. To be believed only if the provider confirms it. */
    readonly providerTaskId: string | null
    /** null: it cannot be read or not be trusted, and only wakes a check. */
    readonly report: ProviderReport | null
    /** Why `report` is null, for the log. */
    readonly problem: string | null
  }
}

export interface CallbackRouteOptions {
  readonly addresses: CallbackAddresses
  readonly parsers: ReadonlyMap<ProviderName, CallbackParser>
  readonly separations: Pick<Separations, 'saveCallback'>
  readonly log: Log
  /** Called when a callback came to an address of ours for a task that the store does not know. */
  readonly onUnknownTask: (provider: ProviderName, outcome: 'restored' | 'unknown') => void
}

const maxBodyBytes = 256 * 1024
/** How long the callbacks of a provider have to be good, after one that was not, in milliseconds. */
const distrustQuietMs = 60_000
/** How often one address may come with a token that nobody made. */
const invalidTokensPerMinute = 120

/** `POST /callbacks/…`, at a task's own address: verified, stored, answered; asking the provider comes after. */
export function createCallbackRoute(options: CallbackRouteOptions) {
  const { addresses, parsers, separations, log, onUnknownTask } = options
  // Only those whose token is wrong are counted: a provider may share its address with somebody who guesses.
  const invalidTokenRate = createRequestRate(invalidTokensPerMinute)

  const distrustLogs = new Map([...parsers.keys()].map((provider) => [provider, createDistrustLog(provider, log)]))

  return async function handle(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const address = addresses.parse(path)
    const parser = address === null ? undefined : parsers.get(address.provider)
    if (address === null || parser === undefined) {
      const waitSeconds = await invalidTokenRate.acquire(request.socket.remoteAddress ?? '')
      if (waitSeconds === 0) return sendNotFound(response)
      const headers = { 'retry-after': String(waitSeconds) }
      return sendJson(response, 429, { message: 'Too many requests that are no callbacks.' }, headers)
    }
    if (request.method !== 'POST') {
      sendJson(response, 405, { message: 'Callbacks come by POST.' }, { allow: 'POST' })
      return
    }
    const packed = await readBody(request, maxBodyBytes)
    const bytes = packed === 'too-large' ? packed : await decompressBody(packed, request.headers, maxBodyBytes)
    if (bytes === 'too-large') {
      sendJson(response, 413, { message: `A callback may hold ${maxBodyBytes / 1024} KiB.` })
      return
    }
    const body = readJson(bytes)
    if (body === undefined) {
      sendJson(response, 400, { message: 'A callback is JSON.' })
      return
    }

    const { provider, taskId, order } = address
    const { providerTaskId, report, problem } = parser.parseCallback({
      headers: request.headers,
      body,
      nowMs: Date.now(),
    })
    if (problem !== null) {
      log.debug({ provider, taskId, problem }, 'a callback is not taken at its word')
      distrustLogs.get(provider)?.failed({ taskId, problem })
    } else distrustLogs.get(provider)?.worked()
    try {
      const outcome = await separations.saveCallback({ taskId, provider, providerTaskId, report, order })
      if (outcome === 'saved') return sendJson(response, 200, { status: 'received' })
      onUnknownTask(provider, outcome)
      if (outcome === 'unknown') log.error({ provider, taskId }, unknownTask)
      // It may be another store that knows the task. Otherwise the next try finds it restored.
      sendUnavailable(response)
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      log.debug({ provider, taskId }, 'a callback could not be written down; the provider will try again')
      sendUnavailable(response)
    }
  }
}

const unknownTask =
  'a callback came to an address of ours for a task that the store does not know, and the address does not say whose order ' +
  'it was. Was the database replaced by an older copy, or is it another one?'

/** The provider will try again. */
function sendUnavailable(response: ServerResponse): void {
  sendJson(response, 503, { message: 'Try again later.' }, { 'retry-after': '5' })
}

/** One wrong callback among good ones is no reason to log that all is well again. */
function createDistrustLog(provider: ProviderName, log: Log): OutageLog {
  return createOutageLog({
    log,
    level: 'warn',
    downMessage:
      'callbacks are not taken at their word: they only make the provider be asked (LOG_LEVEL=debug logs each)',
    upMessage: 'callbacks are taken at their word again',
    detail: { provider },
    quietMs: distrustQuietMs,
  })
}

/** One answer for every address that nobody made, whatever is wrong with it. */
function sendNotFound(response: ServerResponse): void {
  sendJson(response, 404, { message: 'There is nothing here.' })
}
