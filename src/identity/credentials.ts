import type { AccessTokens } from './access-tokens.ts'
import { openApiKeys, type ApiKeys } from './api-keys.ts'
import type { ApiKey } from './parse-api-keys.ts'
import type { Log } from '../runtime/log.ts'

export interface CredentialsOptions {
  readonly apiKeys: readonly ApiKey[]
  readonly apiKeysFile: string | null
  readonly jwt: { readonly jwksUrl: string; readonly issuer: string; readonly audience: string } | null
}

/** What callers may show to say who they are. */
export interface Credentials {
  /** null: nobody has a key. */
  readonly apiKeys: ApiKeys | null
  /** null: no tokens are taken. */
  readonly accessTokens: AccessTokens | null
  close(): void
}

/** Opens what the operator has configured, and loads nothing else. Throws ApiKeysFileError if API_KEYS_FILE cannot be used. */
export async function openCredentials(options: CredentialsOptions, log: Log): Promise<Credentials> {
  const { apiKeys: keys, apiKeysFile: file, jwt } = options
  const accessTokens = jwt === null ? null : (await import('./access-tokens.ts')).createAccessTokens({ ...jwt, log })
  const apiKeys = keys.length > 0 || file !== null ? openApiKeys({ keys, file, log }) : null
  return { apiKeys, accessTokens, close: () => apiKeys?.close() }
}
