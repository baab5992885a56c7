import { readFile } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import { describeKeysFileError, parseApiKeysFile } from '../identity/parse-api-keys.ts'
import { error, ok, warning, type Check } from './check.ts'
import { createWebhookAddresses } from '../webhooks/webhook-addresses.ts'
import { counted } from '../runtime/counted.ts'

const fetchTimeoutMs = 5_000

/** Checks where callers are configured outside the environment: API_KEYS_FILE and JWT_JWKS_URL. */
export function callerChecks(config: Config): readonly Check[] {
  const { apiKeysFile, jwt, allowAnonymous } = config
  return [
    ...(apiKeysFile === null ? [] : [checkKeysFile(apiKeysFile, config)]),
    ...(jwt === null ? [] : [checkTokenKeys(jwt.jwksUrl)]),
    ...(allowAnonymous
      ? [{ name: 'callers', run: async () => warning('ALLOW_ANONYMOUS: everyone who reaches the gateway can order') }]
      : []),
  ]
}

function checkKeysFile(path: string, { apiKeys, unpriced, webhookHostsAllowed }: Config): Check {
  const mistakeInWebhook = createWebhookAddresses(webhookHostsAllowed).mistakeIn
  return {
    name: 'api-keys',
    async run() {
      try {
        const keys = parseApiKeysFile(await readFile(path, 'utf8'), apiKeys, { unpriced, mistakeInWebhook })
        return keys.length > 0
          ? ok(`API_KEYS_FILE has ${counted(keys.length, 'key')}`)
          : warning('API_KEYS_FILE has no key')
      } catch (failure) {
        return error(describeKeysFileError(failure))
      }
    },
  }
}

function checkTokenKeys(url: string): Check {
  return {
    name: 'token-keys',
    async run() {
      const response = await fetch(url, { signal: AbortSignal.timeout(fetchTimeoutMs) })
      if (!response.ok) return error(`JWT_JWKS_URL answers with HTTP ${response.status}`)
      const set: unknown = await response.json()
      const keys = typeof set === 'object' && set !== null && 'keys' in set && Array.isArray(set.keys) ? set.keys : []
      return keys.length > 0 ? ok(`JWT_JWKS_URL has ${counted(keys.length, 'key')}`) : error('JWT_JWKS_URL has no keys')
    },
  }
}
