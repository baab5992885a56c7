import { createRemoteJWKSet, customFetch, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { createOutageLog } from '../runtime/outage-log.ts'
import { callAt } from './call-at.ts'
import { creditsMistake } from './credits-mistake.ts'
import { createJwksFetches } from './jwks-fetches.ts'
import { parseLimits } from './parse-limits.ts'
import { invalidCredential, unauthenticated, unavailable, type IdentifyResult } from './session.ts'
import { createLogRefusedToken, refusalReasonOf } from './token-refusals.ts'
import { webhookMistakes, type MistakeInWebhook } from './webhook-mistakes.ts'
import { derived } from '../runtime/derived.ts'
import type { Log } from '../runtime/log.ts'
import { withDefaultBudgets, type Budget, type CallerLimits } from '../separation/caller-limits.ts'

export interface AccessTokensOptions {
  /** Where the issuer publishes its keys. */
  readonly jwksUrl: string
  readonly issuer: string
  readonly audience: string
  readonly defaultBudgets: () => readonly Budget[]
  /** See `creditsMistake`. */
  readonly unpriced: readonly string[]
  readonly mistakeInWebhook: MistakeInWebhook
  /** See `IdentityOptions`. */
  readonly onUse: (owner: string, credential: null) => void
  readonly log: Log
}

/** Identifies the caller of a token, if it is valid. */
export type AccessTokens = (token: string) => Promise<IdentifyResult>

/** Only algorithms that need the issuer's private key. With a shared secret or `none`, others could create tokens. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** How long the keys are cached, and how soon a token with an unknown key may cause another fetch, in milliseconds. */
const keySetTtlMs = 600_000
const refetchAfterMs = 5_000
const fetchTimeoutMs = 5_000
/** How far the clocks of the issuer and this machine may differ: a token is valid that much earlier and longer. */
const clockToleranceSeconds = 5
/** The claim with the limits of the caller, as text that `parseLimits` parses. */
const limitsClaim = 'stemgate'
/** How often an invalid claim is logged, in milliseconds. */
const claimLogIntervalMs = 60_000
const invalidLimits = unauthenticated(
  `The token's claim ${limitsClaim} is invalid. The operator finds the reason in the log.`,
)
/** No control characters and no unpaired surrogates. */
const subjectPattern = /^[^\p{Cc}\p{Cs}]{1,255}$/u

/** Verifies JWTs of one issuer (RFC 7519) with the keys that it publishes (RFC 7517). */
export function createAccessTokens({
  jwksUrl,
  issuer,
  audience,
  defaultBudgets,
  unpriced,
  mistakeInWebhook,
  onUse,
  log,
}: AccessTokensOptions): AccessTokens {
  const fetches = createJwksFetches()
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    cacheMaxAge: keySetTtlMs,
    cooldownDuration: refetchAfterMs,
    timeoutDuration: fetchTimeoutMs,
    [customFetch]: fetches.fetch,
  })

  const outage = createOutageLog({
    log,
    level: 'error',
    downMessage: 'the keys of JWT_JWKS_URL are unavailable',
    upMessage: 'the keys of JWT_JWKS_URL are available again',
    detail: { outage: 'jwks' },
  })

  const logRefused = createLogRefusedToken(log)
  let claimLoggedAtMs = -Infinity

  /** The limits in the claim of a token; null if they are invalid, which is logged. */
  function limitsIn(claim: unknown, owner: string): CallerLimits | null {
    const mistakes: string[] = []
    const text = claim ?? ''
    const isText = typeof text === 'string'
    if (!isText) mistakes.push('it must be text, such as "orders=500/day"')
    const { limits, expiresAtMs } = parseLimits(isText ? text : '', (mistake) => mistakes.push(mistake))
    if (expiresAtMs !== null) mistakes.push('expires is not for tokens, which have `exp`')
    const uncounted = creditsMistake([limits], unpriced)
    if (uncounted !== null) mistakes.push(uncounted)
    mistakes.push(...webhookMistakes([{ name: 'the caller', limits }], mistakeInWebhook))
    if (mistakes.length === 0) return limits
    if (performance.now() - claimLoggedAtMs > claimLogIntervalMs) {
      claimLoggedAtMs = performance.now()
      const detail = { event: 'token.invalid-limits', owner, mistakes }
      log.error(detail, `a token was refused: its claim ${limitsClaim} is invalid`)
    }
    return null
  }

  /** Whether the last fetched key set contains the key of this token. */
  function isKeyKnown(token: string): boolean {
    const { kid } = decodeProtectedHeader(token)
    return kid !== undefined && (keys.jwks()?.keys.some((key) => key.kid === kid) ?? false)
  }

  return async function identify(token) {
    const startedBefore = fetches.started()
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: clockToleranceSeconds,
      })
      outage.worked()
      const { sub, exp } = payload
      if (typeof sub !== 'string' || !subjectPattern.test(sub) || exp === undefined) {
        logRefused('wrong-sub')
        return invalidCredential
      }
      const owner = `jwt:${issuer}|${sub}`
      const limits = limitsIn(payload[limitsClaim], owner)
      if (limits === null) return invalidLimits
      const endsAtMs = (exp + clockToleranceSeconds) * 1_000
      return {
        session: {
          owner,
          use: () => onUse(owner, null),
          limits: derived(defaultBudgets, (defaults) => withDefaultBudgets(limits, defaults)),
          hasEnded: () => Date.now() >= endsAtMs,
          onEnd: (listener) => callAt(endsAtMs, listener),
        },
      }
    } catch (error) {
      if (error instanceof errors.JWTExpired) return unauthenticated('The token has expired. Get a new one.')
      // The issuer may have published the key since the last fetch, and the next fetch is not allowed yet.
      const mayBeNew = error instanceof errors.JWKSNoMatchingKey && fetches.lastAnswered() <= startedBefore
      if (mayBeNew && !isKeyKnown(token)) {
        return unavailable('The key of the token is not known yet. Try again in a moment.')
      }
      if (isTokenError(error)) {
        logRefused(refusalReasonOf(error))
        return invalidCredential
      }
      outage.failed({ err: error })
      return unavailable("The token issuer's keys are unavailable. Try again in a moment.")
    }
  }
}

/** Whether the token is invalid. If not, the keys could not be fetched or parsed. */
function isTokenError(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false
  return !(
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === 'ERR_JOSE_GENERIC'
  )
}
