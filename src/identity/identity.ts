import type { IncomingMessage } from 'node:http'
import { derived } from '../runtime/derived.ts'
import type { Log } from '../runtime/log.ts'
import { noLimits, withDefaultBudgets, type Budget } from '../separation/caller-limits.ts'
import { openApiKeys } from './api-keys.ts'
import { isLocalRequest } from './local-request.ts'
import type { ApiKey } from './parse-api-keys.ts'
import { invalidCredential, unauthenticated, type IdentifyResult, type AuthFailure, type Session } from './session.ts'
import type { MistakeInWebhook } from './webhook-mistakes.ts'

/** Identifies callers by the credentials that the operator has configured. */
export interface Identity {
  /** Whether API keys or JWTs are configured. */
  readonly hasCredentials: boolean
  /**
   * Identifies the caller of a request that `accessDenied` allows. If the request contains several credentials, all must be
   * equal.
   * @param request the request, or the upgrade of a WebSocket
   * @param others values of `Authorization` outside the headers, as in the connection parameters of a WebSocket
   */
  identify(request: IncomingMessage, others?: readonly string[]): Promise<IdentifyResult>
  /** Why the request is denied before its caller is identified; null if it is allowed. */
  accessDenied(request: IncomingMessage): AuthFailure | null
  /** Whether the request comes from this machine, which the operator's routes require. */
  isLocalRequest(request: IncomingMessage): boolean
  /** Whether the keys of API_KEYS_FILE in use are those that it holds; null: there is no file. */
  isKeysFileUsable(): boolean | null
  /** Stops watching API_KEYS_FILE. */
  close(): void
}

export interface IdentityOptions {
  /** The keys of API_KEYS. */
  readonly apiKeys: readonly ApiKey[]
  readonly apiKeysFile: string | null
  readonly jwt: { readonly jwksUrl: string; readonly issuer: string; readonly audience: string } | null
  readonly allowAnonymous: boolean
  /** The budgets of every caller that has none of its own of their kind. */
  readonly defaultBudgets: () => readonly Budget[]
  /** The variables that lack a price of an enabled provider, without which budgets of credits cannot be counted. */
  readonly unpriced: readonly string[]
  /** Where webhooks are not sent. */
  readonly mistakeInWebhook: MistakeInWebhook
  /** Called for each operation of a caller. The credential tells the keys of one caller apart; null for a caller without keys. */
  readonly onUse: (owner: string, credential: string | null) => void
  readonly log: Log
}

const localOnly: AuthFailure = {
  status: 403,
  code: 'FORBIDDEN',
  message:
    'This gateway accepts GraphQL requests only from its own machine, at http://localhost or http://127.0.0.1, and not ' +
    'through a proxy or a tunnel. To allow other clients, the operator sets API_KEYS or ALLOW_ANONYMOUS=true.',
}
/** The form of a JWT, signed or unsigned. */
const tokenPattern = /^[\w-]+\.[\w-]+\.[\w-]*$/
const several = unauthenticated('The request contains different credentials. Send one.')
const missing = unauthenticated(
  'A credential is required. Send an API key or a token as `Authorization: Bearer <key>`.',
)

/**
 * Identifies callers by API key, by JWT, or as `anonymous`. An invalid credential is never ignored. Without configured
 * credentials, every request from this machine has the caller `anonymous` and all others are denied: a tunnel for callbacks
 * must not let strangers order, and neither must a web page whose host name resolves to this machine. Loads only the modules
 * that the configuration needs. Throws ApiKeysFileError if API_KEYS_FILE is unusable.
 */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { apiKeys: keys, apiKeysFile: file, jwt, allowAnonymous, defaultBudgets, onUse, log } = options
  const { unpriced, mistakeInWebhook } = options
  const common = { defaultBudgets, unpriced, mistakeInWebhook, onUse, log }
  const accessTokens =
    jwt === null ? null : (await import('./access-tokens.ts')).createAccessTokens({ ...jwt, ...common })
  const apiKeys = keys.length > 0 || file !== null ? openApiKeys({ keys, file, ...common }) : null
  const anonymous: Session = {
    owner: 'anonymous',
    use: () => onUse('anonymous', null),
    limits: derived(defaultBudgets, (defaults) => withDefaultBudgets(noLimits, defaults)),
    hasEnded: () => false,
    onEnd: () => () => {},
  }
  const hasCredentials = apiKeys !== null || accessTokens !== null

  function accessDenied(request: IncomingMessage): AuthFailure | null {
    return hasCredentials || allowAnonymous || isLocalRequest(request) ? null : localOnly
  }

  return {
    hasCredentials,
    accessDenied,
    isLocalRequest,
    isKeysFileUsable: () => apiKeys?.isFileUsable() ?? null,
    close: () => apiKeys?.close(),

    async identify(request, others = []) {
      if (!hasCredentials) return { session: anonymous }
      const credentials = [...authorizationsIn(request), ...others].map(parseBearer)
      const [credential, another] = new Set(credentials)
      if (another !== undefined) return several
      if (credential === undefined) return allowAnonymous ? { session: anonymous } : missing
      if (credential === null) return invalidCredential
      const found = apiKeys?.find(credential) ?? null
      if (found !== null) return found
      return accessTokens !== null && tokenPattern.test(credential) ? accessTokens(credential) : invalidCredential
    },
  }
}

const headerName = 'authorization'

/** Every `Authorization` header. `headers` holds only the first, and `headersDistinct` parses all headers once more. */
function authorizationsIn({ rawHeaders }: IncomingMessage): readonly string[] {
  const values: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = [rawHeaders[index], rawHeaders[index + 1]]
    if (name.length === headerName.length && name.toLowerCase() === headerName) values.push(value)
  }
  return values
}

/** The key or token in the value of an `Authorization` header; null if the value is not `Bearer <credential>`. */
function parseBearer(authorization: string): string | null {
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? null
}
