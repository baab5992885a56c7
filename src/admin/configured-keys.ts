import { readFile } from 'node:fs/promises'
import { ConfigError, type Config } from '../config/config.ts'
import { describeKeysFileError, parseApiKeysFile, type ApiKey } from '../identity/parse-api-keys.ts'
import { createWebhookAddresses } from '../webhooks/webhook-addresses.ts'

/** The keys of callers in API_KEYS and API_KEYS_FILE; null if neither is set. Rejects with ConfigError if the file is unusable. */
export async function configuredKeys(config: Config): Promise<readonly ApiKey[] | null> {
  const { apiKeys, apiKeysFile } = config
  if (apiKeysFile !== null) return [...apiKeys, ...(await keysInFile(apiKeysFile, config))]
  return apiKeys.length > 0 ? apiKeys : null
}

async function keysInFile(path: string, { apiKeys, unpriced, webhookHostsAllowed }: Config) {
  const mistakeInWebhook = createWebhookAddresses(webhookHostsAllowed).mistakeIn
  try {
    return parseApiKeysFile(await readFile(path, 'utf8'), apiKeys, { unpriced, mistakeInWebhook })
  } catch (error) {
    throw new ConfigError([describeKeysFileError(error)])
  }
}
