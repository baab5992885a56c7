import type { ProviderName, Refusal, RefusalReason } from '../../separation/task.ts'
import type { CodeMeaning } from './spec.ts'

interface Refused {
  readonly provider: ProviderName
  readonly meaning: CodeMeaning
  readonly providerCode: number | null
  /** The provider's own words, cleaned. */
  readonly providerMessage: string | null
  readonly retryAfterSeconds: number | null
}

interface Kind {
  readonly reason: RefusalReason
  readonly retryable: boolean
  readonly message: (refused: Refused) => string
}

const kinds = {
  'invalid-input': {
    reason: 'invalid-input',
    retryable: false,
    message: ({ provider, providerMessage }) =>
      `${provider} does not accept this order${quoted(providerMessage)}. Check musicTaskId, audioId and type.`,
  },
  'track-not-found': {
    reason: 'track-not-found',
    retryable: false,
    message: ({ provider, providerMessage }) =>
      `${provider} has no such track${quoted(providerMessage)}. Check musicTaskId and audioId; both must come from the same account there.`,
  },
  'insufficient-credits': {
    reason: 'insufficient-credits',
    retryable: false,
    message: ({ provider, providerMessage }) =>
      `The account at ${provider} has too few credits${quoted(providerMessage)}. Nothing was charged; its operator must add credits.`,
  },
  'rate-limited': {
    reason: 'rate-limited',
    retryable: true,
    message: ({ provider, retryAfterSeconds, providerMessage }) =>
      `${provider} takes no more orders just now${quoted(providerMessage)}. Nothing was charged; try again ${when(retryAfterSeconds)}.`,
  },
  refused: {
    reason: 'refused',
    retryable: false,
    message: ({ provider, providerCode, providerMessage }) =>
      `${provider} refused this order${providerCode === null ? '' : ` with code ${providerCode}`}${quoted(providerMessage)}. Nothing was charged.`,
  },
  // What is wrong with our key, or with the address, is told to the operator's log, not to the caller.
  'key-not-accepted': {
    reason: 'unavailable',
    retryable: false,
    message: ({ provider }) =>
      `${provider} does not accept the gateway's API key. Nothing was charged; its operator must mend it.`,
  },
  'not-served': {
    reason: 'unavailable',
    retryable: false,
    message: ({ provider }) =>
      `${provider} does not serve the gateway's orders. Nothing was charged; its operator must mend it.`,
  },
  maintenance: {
    reason: 'unavailable',
    retryable: true,
    message: ({ provider, retryAfterSeconds, providerMessage }) =>
      `${provider} is closed for maintenance${quoted(providerMessage)}. Nothing was charged; try again ${when(retryAfterSeconds)}.`,
  },
} as const satisfies Record<CodeMeaning, Kind>

/** A definite refusal in words for the caller: what was wrong, and what to do next. */
export function createRefusal(refused: Refused): Refusal {
  const kind: Kind = kinds[refused.meaning]
  return {
    reason: kind.reason,
    providerCode: refused.providerCode,
    message: kind.message(refused),
    retryable: kind.retryable,
    retryAfterSeconds: kind.retryable ? refused.retryAfterSeconds : null,
  }
}

function quoted(providerMessage: string | null): string {
  return providerMessage === null ? '' : ` and says “${providerMessage}”`
}

function when(retryAfterSeconds: number | null): string {
  return retryAfterSeconds === null ? 'a little later' : `in ${retryAfterSeconds} s`
}
