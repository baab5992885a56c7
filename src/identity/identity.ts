import type { IncomingMessage } from 'node:http'
import type { AccessTokens } from './access-tokens.ts'
import type { ApiKeys } from './api-keys.ts'
import { isLocalRequest } from './local-request.ts'
import { invalidCredential, unauthenticated, type IdentifyResult, type AuthFailure, type Session } from './session.ts'

/** Tells who asks, or why they are not let in. */
export interface Identity {
  /**
   * Who asks. Every credential that is given counts, and all must be the same one.
   * @param request the request, or the upgrade
   * @param others what is given as `Authorization` beside the headers, as in the parameters of a WebSocket
   */
  identify(request: IncomingMessage, others?: readonly string[]): Promise<IdentifyResult>
  /** Why this place shows nothing to whoever sends this request; null where it may, before it is known who asks. */
  accessDenied(request: IncomingMessage): AuthFailure | null
  /** Whether the request comes from this machine, as what is for the operator must, whoever else may order. */
  isLocalRequest(request: IncomingMessage): boolean
}

export interface IdentityOptions {
  /** null: nobody has a key. */
  readonly apiKeys: ApiKeys | null
  /** null: no tokens are taken. */
  readonly accessTokens: AccessTokens | null
  readonly allowAnonymous: boolean
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
 * By API key, by JWT, or as `anonymous`. A credential that is not good is never passed over. While no callers are
 * configured, whoever is on this machine is the one caller `anonymous`, and nobody else is let in: a tunnel that was
 * opened for callbacks must not open the purse, nor a page that points a name of its own at this machine.
 */
export function createIdentity({ apiKeys, accessTokens, allowAnonymous }: IdentityOptions): Identity {
  const areConfigured = apiKeys !== null || accessTokens !== null

  function accessDenied(request: IncomingMessage): AuthFailure | null {
    return areConfigured || allowAnonymous || isLocalRequest(request) ? null : localOnly
  }

  return {
    accessDenied,
    isLocalRequest: isLocalRequest,

    async identify(request, others = []) {
      const failure = accessDenied(request)
      if (failure !== null) return { failure }
      if (!areConfigured) return { session: anonymous }
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
