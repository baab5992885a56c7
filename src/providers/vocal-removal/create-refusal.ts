import type { Refusal, RefusalReason } from '../../separation/task/failure.ts'
import type { CodeMeaning, ProviderSpec } from './spec.ts'

interface Refused {
  readonly spec: ProviderSpec
  readonly meaning: CodeMeaning
  readonly providerCode: number | null
  /** The provider's own message, redacted. */
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
    message: ({ spec, providerMessage }) =>
      `${spec.displayName} does not accept this order${quoted(providerMessage)}. Check musicTaskId, audioId and type.`,
  },
  'track-not-found': {
    reason: 'track-not-found',
    retryable: false,
    message: ({ spec, providerMessage }) =>
      `${spec.displayName} has no such track${quoted(providerMessage)}. ${spec.trackHint}`,
  },
  'insufficient-credits': {
    reason: 'insufficient-credits',
    retryable: false,
    message: ({ spec, providerMessage }) =>
      `${spec.displayName} reports too few credits on the gateway's account${quoted(providerMessage)}. Nothing was charged; the gateway's operator must add credits.`,
  },
  'rate-limited': {
    reason: 'rate-limited',
    retryable: true,
    message: ({ spec, retryAfterSeconds, providerMessage }) =>
      `${spec.displayName} accepts no more orders right now${quoted(providerMessage)}. Nothing was charged; try again ${retryTime(retryAfterSeconds)}.`,
  },
  refused: {
    reason: 'refused',
    retryable: false,
    message: ({ spec, providerCode, providerMessage }) =>
      `${spec.displayName} refused this order${providerCode === null ? '' : ` with code ${providerCode}`}${quoted(providerMessage)}. Nothing was charged.`,
  },
  // The operator's log has the details of the next two; the caller cannot fix them.
  'key-not-accepted': {
    reason: 'unavailable',
    retryable: false,
    message: ({ spec }) =>
      `${spec.displayName} does not accept the gateway's API key. Nothing was charged; the gateway's operator must fix it.`,
  },
  'not-served': {
    reason: 'unavailable',
    retryable: false,
    message: ({ spec }) =>
      `${spec.displayName} does not serve the gateway's orders. Nothing was charged; the gateway's operator must fix it.`,
  },
  maintenance: {
    reason: 'unavailable',
    retryable: true,
    message: ({ spec, retryAfterSeconds, providerMessage }) =>
      `${spec.displayName} is down for maintenance${quoted(providerMessage)}. Nothing was charged; try again ${retryTime(retryAfterSeconds)}.`,
  },
} as const satisfies Record<CodeMeaning, Kind>

/** Creates the refusal that the caller gets: what is wrong, and what to do next. */
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

/** The provider's message, to be followed by a full stop: it loses its own. */
function quoted(providerMessage: string | null): string {
  const text = providerMessage?.replace(/(?<!\.)[.。]$/, '') ?? ''
  return text === '' ? '' : ` and says “${text}”`
}

function retryTime(retryAfterSeconds: number | null): string {
  return retryAfterSeconds === null ? 'later' : `in ${retryAfterSeconds} s`
}
