import { setMaxListeners } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { createOutageLog } from '../../runtime/outage-log.ts'
import type { ProviderReport } from '../../separation/advance/report.ts'
import { createRedact, messageLength } from '../client/redact.ts'
import { derived } from '../../runtime/derived.ts'
import { describeError } from '../../runtime/describe-error.ts'
import { traceHeaders, type Trace } from '../../runtime/trace.ts'
import type { HttpAnswer } from '../client/http-answer.ts'
import { createRateLimitedReader } from '../client/rate-limited-reader.ts'
import type { ProviderState } from '../client/provider-state.ts'
import { postOnce } from '../client/post-once.ts'
import { createReadCredits, parseCredits, type CreditsAnswer } from './credits.ts'
import { vocalRemoval, type Job } from './job.ts'
import type { Rates } from '../client/rates.ts'
import { parseEnvelopeText } from './parse-envelope.ts'
import type { ParserContext } from './parse-record-info.ts'
import { unusableIdProblem } from './parse-task-id.ts'
import type { Log } from '../../runtime/log.ts'
import type { ProviderSpec } from './spec.ts'
import { createSubmitGate } from '../client/submit-gate.ts'
import { signatureProblem } from './verify-signature.ts'
import type { Offer } from '../../separation/offer.ts'
import type { CheckAnswer, Provider, ProviderOrder, SubmitAnswer } from '../../separation/provider.ts'
import { notSentRefusal } from '../client/not-sent-refusal.ts'

/** A provider with the REST contract of docs/providers.md. None of its methods throws. */
export interface RestProvider extends Provider, Pick<Offer, 'isAvailable' | 'readCredits'> {
  /**
   * Verifies and parses a callback in one step. If the body is unusable or its signature is wrong, `report` is null, and
   * the callback only triggers a check of the id that it contains. `isSigned` says whether a signature was verified. `problem` is
   * the reason for the log; it holds no secret.
   */
  parseCallback(callback: {
    readonly headers: IncomingHttpHeaders
    /** Parsed JSON. */
    readonly body: unknown
    readonly nowMs: number
  }): {
    readonly providerTaskId: string | null
    readonly report: ProviderReport | null
    readonly isSigned: boolean
    readonly problem: string | null
  }
  /** Asks for the balance now, to see whether the provider accepts the API key. */
  checkKey(): Promise<CreditsAnswer>
  state(): ProviderState
  /** Ends running and later checks: they return `inconclusive`. */
  stopChecking(): Promise<void>
  /** Ends everything: a running submit returns `unknown`. */
  close(): Promise<void>
}

/** Timeouts in milliseconds. */
export interface ProviderTimeouts {
  readonly connectMs: number
  /** For the whole answer to a submit. Long, because the answer holds the id of a paid task. */
  readonly submitMs: number
  /** For a whole read, including the connection. */
  readonly checkMs: number
}

const defaultTimeouts: ProviderTimeouts = { connectMs: 10_000, submitMs: 120_000, checkMs: 10_000 }

export interface RestProviderOptions {
  readonly spec: ProviderSpec
  /** The kind of job that the provider is asked for. Default: vocal removal. */
  readonly job?: Job
  /** null: the base URL of `spec`. A function, if the URL is known only once a server listens. */
  readonly baseUrl: string | (() => string) | null
  /**
   * null: the provider is off. It accepts no orders and no checks, but still parses late callbacks. Called at each request,
   * as the key may be replaced.
   */
  readonly apiKey: () => string | null
  /** null: callbacks are not verified by signature. Called at each callback. */
  readonly webhookKey: () => string | null
  readonly rates: Rates
  /** The CDN in front of the API refuses requests without one (`docs/providers.md, "Endpoints"`). */
  readonly userAgent: string
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  readonly timeouts?: Partial<ProviderTimeouts>
}

/** The maximum number of omitted keys in a log line. */
const maxLoggedNames = 5
/** The maximum length of each of these keys, in characters. */
const maxLoggedNameLength = 60

/** Creates the client of one provider. Opens no connection until it is used. */
export function createRestProvider(options: RestProviderOptions): RestProvider {
  const { spec, log, job = vocalRemoval } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  // A late answer may repeat a key that was replaced meanwhile.
  const usedKeys = new Set<string>()
  const redact = createRedact(() => {
    apiKey()
    webhookKey()
    return usedKeys
  })
  const apiKey = derived(options.apiKey, (key) => {
    if (key !== null) usedKeys.add(key)
    // Whether the provider accepts this key is not known yet.
    for (const refusals of [orderRefusals, checkRefusals]) refusals.forget()
    return key
  })
  const webhookKey = derived(options.webhookKey, (key) => {
    if (key !== null) usedKeys.add(key)
    return key
  })
  const { orders, reads } = options.rates.of(spec.name)
  const reader = createRateLimitedReader({
    rate: reads,
    connectTimeoutMs: timeouts.connectMs,
    timeoutMs: timeouts.checkMs,
  })
  const gate = createSubmitGate({ displayName: spec.displayName, orders, onPause: logPause })
  const closing = new AbortController()
  // Each running submit adds one listener.
  setMaxListeners(0, closing.signal)
  const context: ParserContext = {
    redact,
    onOmitted: ({ stems, addresses }) =>
      log.warn(
        {
          provider: spec.name,
          stems,
          addresses: addresses.length,
          names: addresses.slice(0, maxLoggedNames).map((name) => redact(name, maxLoggedNameLength)),
        },
        'parts of an answer were omitted: too many stems, or URLs that are not http(s), too long or our callback URL',
      ),
  }

  const commonWith = (outage: string) => ({ log, detail: { outage, provider: spec.name } })
  const reachability = createOutageLog({
    ...commonWith('provider-unreachable'),
    level: 'warn',
    downMessage: 'the provider cannot be reached',
    upMessage: 'the provider can be reached again',
  })
  // Orders may be refused while checks succeed, and the reverse.
  const orderRefusals = createOutageLog({
    ...commonWith('orders-refused'),
    level: 'error',
    downMessage: 'the provider refuses the orders of this gateway: check its API key and base URL',
    upMessage: 'the provider accepts the orders of this gateway again',
  })
  const checkRefusals = createOutageLog({
    ...commonWith('key-refused'),
    level: 'error',
    downMessage: keyProblem,
    upMessage: 'the provider accepts the API key again',
  })
  const unusableAnswers = createOutageLog({
    ...commonWith('checks-inconclusive'),
    level: 'warn',
    downMessage: 'the answers of the provider to checks cannot be used',
    upMessage: 'the answers of the provider to checks can be used again',
  })
  let isStopping = false

  function logPause(isPaused: boolean): void {
    const detail = { event: isPaused ? 'outage.began' : 'outage.ended', outage: 'orders-paused', provider: spec.name }
    if (isPaused)
      log.warn(detail, 'the provider does not answer orders: they are refused, or wait, until it answers one')
    else log.info(detail, 'the provider answers orders again')
  }

  function endpointOf(path: string): URL {
    const configured = typeof options.baseUrl === 'function' ? options.baseUrl() : options.baseUrl
    const base = configured ?? spec.baseUrl ?? ''
    return new URL(`${base.replace(/\/+$/, '')}${path}`)
  }

  function headersWith(key: string, trace: Trace | null): Record<string, string> {
    const { userAgent } = options
    return {
      authorization: `Bearer ${key}`,
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': userAgent,
      ...(trace === null ? {} : traceHeaders(trace)),
    }
  }

  async function submitOnce(key: string, order: ProviderOrder): Promise<SubmitAnswer> {
    const { callbackUrl } = order
    let url: URL
    try {
      url = endpointOf(job.paths.submit)
    } catch (error) {
      return unreachable(describeError(error))
    }
    const sent = await postOnce({
      url,
      headers: headersWith(key, order.trace),
      body: job.submitBody(order),
      connectTimeoutMs: timeouts.connectMs,
      answerTimeoutMs: timeouts.submitMs,
      signal: closing.signal,
    })
    gate.report(order, { hasAnswered: sent.kind === 'answered' && isProviderAnswer(sent.answer) })
    if (sent.kind === 'not-sent') return unreachable(sent.cause)
    if (sent.kind === 'answered') reachability.worked()
    if (sent.kind === 'no-answer') return { kind: 'unknown', cause: redact(sent.cause, messageLength, callbackUrl) }
    return job.parseSubmitAnswer(sent.answer, { spec, redact, callbackUrl, nowMs: Date.now() })
  }

  function unreachable(cause: string): SubmitAnswer {
    reachability.failed({ cause: redact(cause, messageLength) })
    const message = `${spec.displayName} cannot be reached. Nothing was sent, so nothing was charged; try again later.`
    return { kind: 'refused', refusal: notSentRefusal(message, true) }
  }

  /** Logs refusals that only the operator can fix as errors. */
  function logRefusal(answer: SubmitAnswer): SubmitAnswer {
    const refusal = answer.kind === 'refused' ? answer.refusal : null
    if (answer.kind === 'accepted' || (refusal !== null && refusal.reason !== 'unavailable')) orderRefusals.worked()
    if (refusal?.reason === 'unavailable' && !refusal.retryable) {
      orderRefusals.failed({ providerCode: refusal.providerCode, cause: refusal.message })
    }
    return answer
  }

  async function readRecordInfoOnce(
    key: string,
    providerTaskId: string,
    onSlot: (() => void) | undefined,
    trace: Trace | null,
  ): Promise<CheckAnswer> {
    const url = endpointOf(job.paths.check)
    url.searchParams.set('taskId', providerTaskId)
    const answer = await reader.get(url, headersWith(key, trace), onSlot)
    reachability.worked()
    const envelope = answer.body === null ? null : parseEnvelopeText(answer.body)
    const code = envelope?.code ?? null
    if (code === 401 || (code === null && answer.status === 401)) {
      checkRefusals.failed({ providerCode: code })
      return { kind: 'inconclusive', cause: keyProblem }
    }
    if (code !== null) checkRefusals.worked()
    if (envelope === null || code === null) {
      const problem = answer.problem ?? 'its body has no readable code'
      const cause = redact(`HTTP ${answer.status}, ${problem}`, messageLength)
      unusableAnswers.failed({ cause })
      return { kind: 'inconclusive', cause }
    }
    const checked = job.parseRecordInfo(envelope, providerTaskId, context)
    if (checked.kind !== 'inconclusive') unusableAnswers.worked()
    else if (checked.isAboutTask !== true) unusableAnswers.failed({ providerCode: code, cause: checked.cause })
    return checked
  }

  async function getCredits(): Promise<HttpAnswer> {
    const key = apiKey()
    if (key === null) throw new Error(`${spec.name} is off: it has no API key`)
    return reader.get(endpointOf(spec.creditsPath), headersWith(key, null))
  }

  return {
    name: spec.name,
    retentionMs: spec.retentionMs,

    admit: gate.admit,

    async submit(order) {
      const key = apiKey()
      if (key === null) {
        return {
          kind: 'refused',
          refusal: notSentRefusal(`${spec.displayName} is off at this gateway. Choose another provider.`, false),
        }
      }
      const answer = await submitOnce(key, order).catch((error: unknown): SubmitAnswer => ({
        kind: 'unknown',
        cause: redact(describeError(error), messageLength, order.callbackUrl),
      }))
      return logRefusal(answer)
    },

    async check(providerTaskId, onSlot, trace = null) {
      const key = apiKey()
      if (key === null) return { kind: 'inconclusive', cause: `${spec.name} is off: it has no API key` }
      try {
        return await readRecordInfoOnce(key, providerTaskId, onSlot, trace)
      } catch (error) {
        const cause = redact(describeError(error), messageLength)
        if (!isStopping) reachability.failed({ cause })
        return { kind: 'inconclusive', cause }
      }
    },

    isAvailable: (owner) => apiKey() !== null && !gate.isClosedFor(owner) && !orderRefusals.isDown(),
    readCredits: createReadCredits(getCredits),

    async checkKey() {
      try {
        return parseCredits(await getCredits())
      } catch (error) {
        return { kind: 'unreadable', cause: redact(describeError(error), messageLength) }
      }
    },

    state: () => ({
      isReachable: !reachability.isDown(),
      isKeyAccepted: !orderRefusals.isDown() && !checkRefusals.isDown(),
      breaker: gate.breakerState(),
    }),

    parseCallback({ headers, body, nowMs }) {
      let providerTaskId: string | null = null
      const unusable = (problem: string) => ({ providerTaskId, report: null, isSigned: false, problem })
      try {
        const named = job.parseCallbackId(body)
        if (named.kind === 'none') return unusable('the callback has no task id')
        if (named.kind === 'unusable') {
          log.error({ provider: spec.name }, unusableIdProblem)
          return unusable(unusableIdProblem)
        }
        providerTaskId = named.id
        // With a key, only callbacks with a valid signature get beyond this line.
        const key = webhookKey()
        const isSigned = spec.signature !== null && key !== null
        const problem = isSigned ? signatureProblem({ headers, webhookKey: key, providerTaskId, nowMs }) : null
        if (problem !== null) return unusable(problem)
        const report = job.parseCallbackBody(body, context)
        return report === null
          ? unusable('the callback has neither a code nor audio')
          : { providerTaskId, report, isSigned, problem: null }
      } catch (error) {
        return unusable(`the callback could not be read: ${redact(describeError(error), messageLength)}`)
      }
    },

    stopChecking() {
      isStopping = true
      return reader.close()
    },

    async close() {
      isStopping = true
      closing.abort()
      await reader.close()
    },
  }
}

/** Whether the provider itself answered, and not a proxy that cannot reach it. */
function isProviderAnswer({ status, body }: HttpAnswer): boolean {
  const code = body === null ? null : (parseEnvelopeText(body)?.code ?? null)
  return code !== null || status < 500
}

const keyProblem = 'the provider does not accept the API key: check the key'
