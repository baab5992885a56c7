import { randomBytes } from 'node:crypto'
import { ConfigError, type Config } from '../../config/config.ts'
import { createCallerSecrets } from '../../webhooks/caller-secrets.ts'
import type { Command } from '../command.ts'
import { configuredKeys } from '../configured-keys.ts'
import { parseOwner } from '../parse-values.ts'

/** Prints the secret with which a caller verifies its webhooks. */
export const webhooksSecret: Command = {
  name: 'webhooks-secret',
  summary: 'Print the secret with which a caller verifies its webhooks',
  details:
    'Give it to that caller alone. It is derived from WEBHOOK_SECRET, or from the secret in the database if that is not set:\n' +
    'run this with the environment of the gateways.',
  usage: '<owner>',
  args: { min: 1, max: 1 },
  options: {},
  changes: false,
  async run({ args: [given = ''] }, { store, settings, note }) {
    const owner = parseOwner(given)
    const { config } = await settings()
    if (await isUnknownKey(owner, config)) note(`No key in the environment belongs to ${owner}. Check the name.`)
    const opened = await store()
    // Made here as a gateway would make it, if none has started on this database yet.
    const ownSecret = await opened.secret('webhooks', () => randomBytes(32).toString('base64url'))
    const [secret = ''] = createCallerSecrets(() => [...config.webhookSecrets, ownSecret])(owner)
    return { text: secret, json: { owner, secret } }
  },
}

/** Whether the keys are known, and none is of this owner. */
async function isUnknownKey(owner: string, config: Config): Promise<boolean> {
  if (!owner.startsWith('key:')) return false
  try {
    const keys = await configuredKeys(config)
    return keys !== null && keys.every(({ name }) => `key:${name}` !== owner)
  } catch (error) {
    if (error instanceof ConfigError) return false
    throw error
  }
}
