import { createHmac } from 'node:crypto'
import { derived } from '../runtime/derived.ts'

/** The prefix of a secret of Standard Webhooks. The base64 of its bytes follows. */
export const secretPrefix = 'whsec_'

/**
 * The secrets with which messages to an owner are signed, as receivers need them: `whsec_<base64>`. All of them sign each message,
 * so that receivers can change from one to the next.
 */
export type CallerSecrets = (owner: string) => readonly string[]

/**
 * Derives the secrets of each owner from those of the gateway, so that no owner can sign messages to another one.
 * @param secrets the secrets of the gateway. The secret of an owner that the operator is shown is derived from the first
 */
export function createCallerSecrets(secrets: () => readonly string[]): CallerSecrets {
  const keys = derived(secrets, (list) => list.map((secret) => ({ secret })))
  return (owner) => keys().map(({ secret }) => callerSecret(secret, owner))
}

function callerSecret(secret: string, owner: string): string {
  const bytes = createHmac('sha256', secret).update(`stemgate webhooks to ${owner}`).digest('base64')
  return `${secretPrefix}${bytes}`
}
