import { randomBytes } from 'node:crypto'
import { createCallerSecrets } from '../../webhooks/caller-secrets.ts'
import type { Command } from '../command.ts'
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
  async run({ args: [given = ''] }, { store, settings }) {
    const owner = parseOwner(given)
    const { config } = await settings()
    const opened = await store()
    // Made here as a gateway would make it, if none has started on this database yet.
    const ownSecret = await opened.secret('webhooks', () => randomBytes(32).toString('base64url'))
    const [secret = ''] = createCallerSecrets(() => [...config.webhookSecrets, ownSecret])(owner)
    return { text: secret, json: { owner, secret } }
  },
}
