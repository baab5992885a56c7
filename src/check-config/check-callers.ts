import { readFile } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import { describeKeysFileError, parseApiKeysFile, type ApiKey } from '../identity/parse-api-keys.ts'
import type { CallerLimits } from '../separation/caller-limits.ts'
import { separationTypes } from '../separation/task/separation-type.ts'
import { error, ok, warning, type Check, type Finding } from './check.ts'
import { createWebhookAddresses } from '../webhooks/webhook-addresses.ts'
import { counted } from '../runtime/counted.ts'

const fetchTimeoutMs = 5_000

/** Checks who may order: API_KEYS_FILE, JWT_JWKS_URL, and what nothing limits. */
export function callerChecks(config: Config): readonly Check[] {
  const { apiKeys, apiKeysFile, jwt, allowAnonymous, ordersPerDay } = config
  const keysInFile = apiKeysFile === null ? Promise.resolve([]) : readKeysFile(apiKeysFile, config)
  const keys = async () => [...apiKeys, ...(await keysInFile.catch(() => []))]
  return [
    ...(apiKeysFile === null ? [] : [checkKeysFile(keysInFile)]),
    ...(jwt === null ? [] : [checkTokenKeys(jwt.jwksUrl)]),
    { name: 'callers', run: async () => judgeExpiries(await keys()) },
    ...(ordersPerDay === null ? [{ name: 'callers', run: async () => judgeBudgets(await keys()) }] : []),
    ...(allowAnonymous
      ? [{ name: 'callers', run: async () => warning('ALLOW_ANONYMOUS: everyone who reaches the gateway can order') }]
      : []),
  ]
}

async function readKeysFile(path: string, { apiKeys, unpriced, webhookHostsAllowed }: Config) {
  const mistakeInWebhook = createWebhookAddresses(webhookHostsAllowed).mistakeIn
  return parseApiKeysFile(await readFile(path, 'utf8'), apiKeys, { unpriced, mistakeInWebhook })
}

function checkKeysFile(reading: Promise<readonly ApiKey[]>): Check {
  return {
    name: 'api-keys',
    async run() {
      try {
        const keys = await reading
        return keys.length > 0
          ? ok(`API_KEYS_FILE has ${counted(keys.length, 'key')}`)
          : warning('API_KEYS_FILE has no key')
      } catch (failure) {
        return error(describeKeysFileError(failure))
      }
    },
  }
}

function judgeBudgets(keys: readonly ApiKey[]): Finding | null {
  const unlimited = namesOf(keys.filter(({ limits }) => !isLimited(limits)))
  if (unlimited.length === 0) return null
  return warning(
    `${unlimited.join(', ')} ${unlimited.length === 1 ? 'has' : 'have'} no budget: set ORDERS_PER_DAY, or orders=… after the key`,
  )
}

function judgeExpiries(keys: readonly ApiKey[]): Finding | null {
  const expired = keys.filter(({ expiresAtMs }) => expiresAtMs !== null && expiresAtMs <= Date.now())
  return expired.length === 0 ? null : warning(`a key has expired (expires=…) of ${namesOf(expired).join(', ')}`)
}

/** Whether budgets limit every order, or what all orders cost. */
function isLimited({ budgets, types }: CallerLimits): boolean {
  const kinds = new Set(budgets.map(({ kind }) => kind))
  return kinds.has('orders') || kinds.has('credits') || (types ?? separationTypes).every((type) => kinds.has(type))
}

function namesOf(keys: readonly ApiKey[]): readonly string[] {
  return [...new Set(keys.map(({ name }) => name))]
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
