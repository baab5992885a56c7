import { createRemoteJWKSet, customFetch, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { createOutageLog } from '../runtime/outage-log.ts'
import { createJwksFetches } from './jwks-fetches.ts'
import { invalidCredential, unauthenticated, unavailable, type IdentifyResult } from './session.ts'
import type { Log } from '../runtime/log.ts'

export interface AccessTokensOptions {
  /** Where the issuer publishes its keys. */
  readonly jwksUrl: string
  readonly issuer: string
  readonly audience: string
  readonly log: Log
}

/** Who bears the token, if it is good now. */
export type AccessTokens = (token: string) => Promise<IdentifyResult>

/** Those that need the issuer's private key; a shared secret or `none` would let anybody make tokens. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** How long a set of keys is good, and how soon a token with an unknown key may have it fetched again, in milliseconds. */
const keySetTtlMs = 600_000
const refetchAfterMs = 5_000
const fetchTimeoutMs = 5_000
/** How far the clocks of the issuer and this machine may differ: a token is good for so much longer, and earlier. */
const clockToleranceSeconds = 5
/** Anything that can be kept and read. */
const subjectPattern = /^[^\p{Cc}\p{Cs}]{1,255}$/u
/** The longest time that a timer of Node's can wait. */
const maxTimerMs = 2 ** 31 - 1

/** JWTs of one issuer (RFC 7519), verified by the keys that it publishes (RFC 7517). */
export function createAccessTokens({ jwksUrl, issuer, audience, log }: AccessTokensOptions): AccessTokens {
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
    downMessage: 'the keys of JWT_JWKS_URL cannot be had',
    upMessage: 'the keys of JWT_JWKS_URL can be had again',
  })

  /** Whether the issuer has published the key of this token, by what was fetched last. */
  function isKeyKnown(token: string): boolean {
    const { kid } = decodeProtectedHeader(token)
    return kid !== undefined && (keys.jwks()?.keys.some((key) => key.kid === kid) ?? false)
  }

  return async function find(token) {
    const begunBefore = fetches.begun()
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
      if (typeof sub !== 'string' || !subjectPattern.test(sub) || exp === undefined) return invalidCredential
      return {
        session: {
          owner: `jwt:${issuer}|${sub}`,
          onEnd: (listener) => atTime((exp + clockToleranceSeconds) * 1_000, listener),
        },
      }
    } catch (error) {
      if (error instanceof errors.JWTExpired) return unauthenticated('This token has expired. Get a new one.')
      // The issuer may have published the key since the last fetch, and may not be asked again yet.
      const mayBeNew = error instanceof errors.JWKSNoMatchingKey && fetches.answered() <= begunBefore
      if (mayBeNew && !isKeyKnown(token)) {
        return unavailable('The key of this token is not known yet. Try again in a moment.')
      }
      if (isOfTheToken(error)) return invalidCredential
      outage.failed({ err: error })
      return unavailable('The keys of the issuer of tokens cannot be had now. Try again in a moment.')
    }
  }
}

/** Whether it is the token that is wrong, and not that the keys could not be fetched or read. */
function isOfTheToken(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false
  return !(
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === 'ERR_JOSE_GENERIC'
  )
}

/** Calls the listener at a time in milliseconds since 1970, until the returned function is called. */
function atTime(timeMs: number, listener: () => void): () => void {
  let timer: NodeJS.Timeout
  const wait = () => {
    const leftMs = timeMs - Date.now()
    timer = leftMs <= 0 ? setTimeout(listener) : setTimeout(wait, Math.min(leftMs, maxTimerMs))
    timer.unref()
  }
  wait()
  return () => clearTimeout(timer)
}
