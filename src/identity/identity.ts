import type { IncomingMessage } from 'node:http'
import type { Log } from '../runtime/log.ts'
import { openApiKeys } from './api-keys.ts'
import { isLocalRequest } from './local-request.ts'
import type { ApiKey } from './parse-api-keys.ts'
import { invalidCredential, unauthenticated, type IdentifyResult, type AuthFailure, type Session } from './session.ts'

/** Identifies callers by the credentials that the operator has configured. */
export interface Identity {
  /** Whether API keys or JWTs are configured. */
  readonly hasCredentials: boolean
  /**
   * Identifies the caller. Every credential that is sent counts, and all of them must be the same one.
   * @param request the request, or the upgrade
   * @param others values of `Authorization` that come beside the headers, as in the parameters of a WebSocket
   */
  identify(request: IncomingMessage, others?: readonly string[]): Promise<IdentifyResult>
  /** Why this request is denied before its caller is identified; null if it is not. */
  accessDenied(request: IncomingMessage): AuthFailure | null
  /** Whether the request comes from this machine, as requests of the operator must, whoever else may order. */
  isLocalRequest(request: IncomingMessage): boolean
  /** Stops watching API_KEYS_FILE. */
  close(): void
}

export interface IdentityOptions {
  /** The keys of API_KEYS. */
  readonly apiKeys: readonly ApiKey[]
  readonly apiKeysFile: string | null
  readonly jwt: { readonly jwksUrl: string; readonly issuer: string; readonly audience: string } | null
  readonly allowAnonymous: boolean
  readonly log: Log
}

const anonymous: Session = { owner: 'anonymous', onEnd: () => () => {} }

const localOnly: AuthFailure = {
  status: 403,
  code: 'FORBIDDEN',
  message:
    'This gateway answers GraphQL on its own machine alone, under http://localhost or http://127.0.0.1, and not ' +
    'through a proxy or a tunnel. To let others in, its operator gives them keys (API_KEYS), or sets ALLOW_ANONYMOUS=true.',
}
/** Anything else is no JWT, signed or not. */
const tokenPattern = /^[\w-]+\.[\w-]+\.[\w-]*$/
const several = unauthenticated('Different credentials are given. Send one.')
const missing = unauthenticated('Say who you are: send a key or a token as `Authorization: Bearer <key>`.')

/**
 * Identifies callers by API key, by JWT, or as `anonymous`. An invalid credential is never ignored. While no credentials
 * are configured, every request from this machine is the caller `anonymous` and all others are denied: a tunnel that was
 * opened for callbacks must not let strangers order, nor must a web page whose host name resolves to this machine.
 * Loads only what is configured. Throws ApiKeysFileError if API_KEYS_FILE cannot be used.
 */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { apiKeys: keys, apiKeysFile: file, jwt, allowAnonymous, log } = options
  const accessTokens = jwt === null ? null : (await import('./access-tokens.ts')).createAccessTokens({ ...jwt, log })
  const apiKeys = keys.length > 0 || file !== null ? openApiKeys({ keys, file, log }) : null
  const hasCredentials = apiKeys !== null || accessTokens !== null

  function accessDenied(request: IncomingMessage): AuthFailure | null {
    return hasCredentials || allowAnonymous || isLocalRequest(request) ? null : localOnly
  }

  return {
    hasCredentials,
    accessDenied,
    isLocalRequest,
    close: () => apiKeys?.close(),

    async identify(request, others = []) {
      const failure = accessDenied(request)
      if (failure !== null) return { failure }
      if (!hasCredentials) return { session: anonymous }
      // Node's own `headers` would pass over all but the first.
      const given = [...(request.headersDistinct['authorization'] ?? []), ...others].map(credentialIn)
      const [credential, another] = new Set(given)
      if (another !== undefined) return several
      if (credential === undefined) return allowAnonymous ? { session: anonymous } : missing
      if (credential === null) return invalidCredential
      const session = apiKeys?.find(credential) ?? null
      if (session !== null) return { session }
      return accessTokens !== null && tokenPattern.test(credential) ? accessTokens(credential) : invalidCredential
    },
  }
}

/** The key or token in the value of an `Authorization` header; null if it is in no form that is taken. */
function credentialIn(authorization: string): string | null {
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? null
}
