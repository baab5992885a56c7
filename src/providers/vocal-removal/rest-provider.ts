import { derived } from '../../runtime/derived.ts'
import { describeError } from '../../runtime/describe-error.ts'
import type { Log } from '../../runtime/log.ts'
import type { Offer } from '../../separation/offer.ts'
import type { Provider } from '../../separation/provider.ts'
import type { HttpAnswer } from '../client/http-answer.ts'
import { notSentRefusal } from '../client/not-sent-refusal.ts'
import type { ProviderState } from '../client/provider-state.ts'
import { createRateLimitedReader } from '../client/rate-limited-reader.ts'
import type { Rates } from '../client/rates.ts'
import { createRedact, messageLength } from '../client/redact.ts'
import { createSubmitGate } from '../client/submit-gate.ts'
import { createReadCredits, parseCredits, type CreditsAnswer } from './credits.ts'
import { vocalRemoval, type Job } from './job.ts'
import { createParserContext } from './parser-context.ts'
import { createProviderOutages } from './provider-outages.ts'
import { createReadCallback, type ReadCallback } from './read-callback.ts'
import { createReadRecordInfo } from './read-record-info.ts'
import { createRequestParts, type RequestPartsOptions } from './request-parts.ts'
import { createSendOrder } from './send-order.ts'
import type { ProviderSpec } from './spec.ts'

/** A provider with the REST contract of docs/providers.md. None of its methods throws. */
export interface RestProvider extends Provider, Pick<Offer, 'isAvailable' | 'readCredits'> {
  /** A callback that cannot be used has no report, and only triggers a check of the id that it contains. */
  readonly parseCallback: ReadCallback
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

export interface RestProviderOptions extends Pick<RequestPartsOptions, 'userAgent'> {
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
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  readonly timeouts?: Partial<ProviderTimeouts>
}

/** Creates the client of one provider. Opens no connection until it is used. */
export function createRestProvider(options: RestProviderOptions): RestProvider {
  const { spec, log, job = vocalRemoval } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const outages = createProviderOutages(spec.name, log)
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
    for (const refusals of [outages.orderRefusals, outages.checkRefusals]) refusals.forget()
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
  const gate = createSubmitGate({ displayName: spec.displayName, orders, onPause: outages.logPause })
  const context = createParserContext(spec.name, redact, log)
  const parts = createRequestParts({ ...options, baseUrl: options.baseUrl ?? spec.baseUrl ?? '' })
  const sending = createSendOrder({ spec, job, parts, gate, outages, redact, timeouts })
  let isStopping = false
  const readRecordInfo = createReadRecordInfo({
    job,
    parts,
    reader,
    outages,
    context,
    isStopping: () => isStopping,
  })

  async function getCredits(): Promise<HttpAnswer> {
    const key = apiKey()
    if (key === null) throw new Error(`${spec.name} is off: it has no API key`)
    return reader.get(parts.urlOf(spec.creditsPath), parts.headersWith(key, null))
  }

  return {
    name: spec.name,
    retentionMs: spec.retentionMs,

    admit: gate.admit,

    async submit(order) {
      const key = apiKey()
      if (key !== null) return sending.send(key, order)
      const message = `${spec.displayName} is off at this gateway. Choose another provider.`
      return { kind: 'refused', refusal: notSentRefusal(message, false) }
    },

    async check(providerTaskId, onSlot, trace = null) {
      const key = apiKey()
      if (key === null) return { kind: 'inconclusive', cause: `${spec.name} is off: it has no API key` }
      return readRecordInfo(key, providerTaskId, onSlot, trace)
    },

    isAvailable: (owner) => apiKey() !== null && !gate.isClosedFor(owner) && !outages.orderRefusals.isDown(),
    readCredits: createReadCredits(getCredits),

    async checkKey() {
      try {
        return parseCredits(await getCredits())
      } catch (error) {
        return { kind: 'unreadable', cause: redact(describeError(error), messageLength) }
      }
    },

    state: () => ({
      isReachable: !outages.reachability.isDown(),
      isKeyAccepted: !outages.orderRefusals.isDown() && !outages.checkRefusals.isDown(),
      breaker: gate.breakerState(),
    }),

    parseCallback: createReadCallback({ spec, job, webhookKey, context, log }),

    stopChecking() {
      isStopping = true
      return reader.close()
    },

    async close() {
      isStopping = true
      sending.close()
      await reader.close()
    },
  }
}
