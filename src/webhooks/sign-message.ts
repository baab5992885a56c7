import { createHmac } from 'node:crypto'
import { secretPrefix } from './caller-secrets.ts'

/** What is signed. */
export interface SignedMessage {
  readonly id: string
  /** When it is sent, in milliseconds since 1970. */
  readonly sentAtMs: number
  readonly body: string
  /** `whsec_<base64>`, at least one. */
  readonly secrets: readonly string[]
}

/** The headers of Standard Webhooks (https://www.standardwebhooks.com), with a signature for each secret. */
export function signatureHeaders({ id, sentAtMs, body, secrets }: SignedMessage): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(sentAtMs / 1_000))
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(secretPrefix.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
