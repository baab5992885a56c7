import { describeError } from '../../runtime/describe-error.ts'
import type { Log } from '../../runtime/log.ts'
import type { Offer } from '../../separation/offer.ts'
import type { Provider } from '../../separation/provider.ts'
import type { SeparationType } from '../../separation/task/separation-type.ts'
import { createApiKeys } from '../client/api-keys.ts'
import { createCreditGate } from '../client/credit-gate.ts'
import { createCreditsWarning } from '../client/credits-warning.ts'
import type { CreditsAnswer, KnownBalance } from '../client/balance.ts'
import type { ProviderState } from '../client/provider-state.ts'
import { createRateLimitedReader } from '../client/rate-limited-reader.ts'
import type { Rates } from '../client/rates.ts'
import { createRedact, messageLength } from '../client/redact.ts'
import { createSubmitGate } from '../client/submit-gate.ts'
import { totalCredits } from '../client/total-credits.ts'
import { createCheckWithKeys } from './check-with-keys.ts'
import { parseCredits } from './credits.ts'
import { vocalRemoval, type Job } from './job.ts'
import { createParserContext } from './parser-context.ts'
import { createProviderOutages } from './provider-outages.ts'
import { createReadCallback, type ReadCallback } from './read-callback.ts'
import { createReadRecordInfo } from './read-record-info.ts'
import { createRequestParts, type RequestPartsOptions } from './request-parts.ts'
import { createSendOrder } from './send-order.ts'
import type { ProviderSpec } from './spec.ts'
import { createSubmitWithKeys } from './submit-with-keys.ts'

/** A provider with the REST contract of docs/providers.md. None of its methods throws. */
export interface RestProvider extends Provider, Pick<Offer, 'isAvailable' | 'readCredits'> {
  /** A callback that cannot be used has no report, and only triggers a check of the id that it contains. */
  readonly parseCallback: ReadCallback
  /** Asks for the balance of each API key now, to see whether the provider accepts it. In the operator's order. */
  checkKeys(): Promise<readonly KeyCheck[]>
  /** The balance of each API key, in the operator's order, at most a minute old. */
  balances(): readonly Promise<KnownBalance>[]
  state(): ProviderState
  /** Ends running and later checks: they return `inconclusive`. */
  stopChecking(): Promise<void>
  /** Ends everything: a running submit returns `unknown`. */
  close(): Promise<void>
}

/** The result of a credits call. */
export interface KeyCheck {
  readonly credits: CreditsAnswer
  /** What the provider's clock showed at some time between two of this machine's. null: the answer does not say. */
  readonly time: AnswerTime | null
}

/** In milliseconds since 1970. */
export interface AnswerTime {
  /** Rounded down to a second. */
  readonly dateMs: number
  readonly askedAtMs: number
  readonly answeredAtMs: number
}

/** Timeouts in milliseconds. */
export interface ProviderTimeouts {
  readonly connectMs: number
  /** For the whole answer to a submit. Long, because the answer holds the id of a paid task. */
  readonly submitMs: number
  /**
   * How long after its first request an order may be sent with another key. Its last request ends within the sum of this and the
   * two above, which must be less than `maxSendingMs` of the core: until then nobody takes the order for unanswered.
   */
  readonly nextKeyMs: number
  /** For a whole read, including the connection. */
  readonly checkMs: number
}

/** Short, because the account may be the one that knows the track, and the operator may have added credits. */
const defaultSetAsideMs = 60_000

/** Those of every provider, unless a test needs shorter ones. */
export const defaultTimeouts: ProviderTimeouts = {
  connectMs: 10_000,
  submitMs: 120_000,
  nextKeyMs: 10_000,
  checkMs: 10_000,
}

export interface RestProviderOptions extends Pick<RequestPartsOptions, 'userAgent'> {
  readonly spec: ProviderSpec
  /** The kind of job that the provider is asked for. Default: vocal removal. */
  readonly job?: Job
  /** null: the base URL of `spec`. A function, if the URL is known only once a server listens. */
  readonly baseUrl: string | (() => string) | null
  /**
   * Each key once. Empty: the provider is off. It accepts no orders and no checks, but still parses late callbacks. Called at
   * each request, as the keys may be replaced.
   */
  readonly apiKeys: () => readonly string[]
  /** Each of them is accepted. Empty: callbacks are not verified by signature. Called at each callback. */
  readonly webhookKeys: () => readonly string[]
  /** What each type costs, in credits. null: the balance of the account refuses no order. Default: null. */
  readonly prices?: Offer['prices'] | null
  /** See `CreditsWarning`. Default: no warning is wanted. */
  readonly creditsWarning?: () => number | null
  readonly rates: Rates
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  readonly timeouts?: Partial<ProviderTimeouts>
  /** How long orders try other keys before one that was refused, in milliseconds. */
  readonly setAsideMs?: number
}

/** Creates the client of one provider. Opens no connection until it is used. */
export function createRestProvider(options: RestProviderOptions): RestProvider {
  const { spec, log, job = vocalRemoval, setAsideMs = defaultSetAsideMs, prices = null } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const outages = createProviderOutages(spec.name, log)
  // A late answer may repeat a key that was replaced meanwhile.
  const usedKeys = new Set<string>()
  const apiKeys = remembered(options.apiKeys)
  const webhookKeys = remembered(options.webhookKeys)
  const redact = createRedact(() => {
    apiKeys()
    webhookKeys()
    return usedKeys
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
  const keys = createApiKeys({
    provider: spec.name,
    keys: apiKeys,
    log,
    setAsideMs,
    askCredits,
    onCredits: noteCredits,
  })
  const priceOf = (type: SeparationType) => prices?.get(type)
  const credits = createCreditGate({
    displayName: spec.displayName,
    keys: () => (prices === null ? [] : keys.all()),
    priceOf,
  })
  const warning = createCreditsWarning({ provider: spec.name, threshold: options.creditsWarning ?? (() => null), log })
  const sending = createSendOrder({ spec, job, parts, keys, gate, outages, redact, timeouts })
  let isStopping = false
  const readRecordInfo = createReadRecordInfo({
    job,
    parts,
    keys,
    reader,
    outages,
    context,
    isStopping: () => isStopping,
  })
  const checks = createCheckWithKeys({ spec, keys, readRecordInfo })

  function remembered(read: () => readonly string[]): () => readonly string[] {
    return () => {
      const texts = read()
      for (const text of texts) usedKeys.add(text)
      return texts
    }
  }

  /** Once each account has answered. */
  function noteCredits(): void {
    const answers = keys.all().flatMap(({ balance }) => balance.last() ?? [])
    if (answers.length === keys.all().length) warning.note(totalCredits(answers))
  }

  const balances = () => keys.all().map(({ balance }) => balance.read())

  async function checkKey(key: string): Promise<KeyCheck> {
    let askedAtMs = Date.now()
    const onSlot = () => void (askedAtMs = Date.now())
    try {
      const answer = await reader.get(parts.urlOf(spec.creditsPath), parts.headersWith(key, null), onSlot)
      const { dateMs } = answer
      const time = dateMs === null ? null : { dateMs, askedAtMs, answeredAtMs: Date.now() }
      return { credits: parseCredits(answer), time }
    } catch (error) {
      return { credits: { kind: 'unreadable', cause: redact(describeError(error), messageLength) }, time: null }
    }
  }

  async function askCredits(key: string): Promise<CreditsAnswer> {
    return (await checkKey(key)).credits
  }

  return {
    name: spec.name,
    retentionMs: spec.retentionMs,

    admit: (order) => credits.admit(order, () => gate.admit(order)),
    submit: createSubmitWithKeys({
      spec,
      keys,
      credits,
      priceOf,
      sending,
      onAccepted: checks.learn,
      log,
      nextKeyMs: timeouts.nextKeyMs,
    }),
    check: checks.check,

    isAvailable: (owner) => !gate.isClosedFor(owner) && keys.all().some(({ orderRefusals }) => !orderRefusals.isDown()),
    balances,
    readCredits: async () => totalCredits(await Promise.all(balances())),
    checkKeys: () => Promise.all(keys.all().map(({ text }) => checkKey(text))),

    state: () => ({
      isReachable: !outages.reachability.isDown(),
      keys: keys.all().map(({ position, orderRefusals, checkRefusals, isSetAside }) => ({
        position,
        isAccepted: !orderRefusals.isDown() && !checkRefusals.isDown(),
        isSetAside: isSetAside(),
      })),
      areCreditsLow: warning.isLow(),
      breaker: gate.breakerState(),
    }),

    parseCallback: createReadCallback({ spec, job, webhookKeys, context, log }),

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
