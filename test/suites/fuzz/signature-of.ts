import { createHmac } from 'node:crypto'
import { operatorSecrets } from './operator-secrets.ts'

/** Kie's headers. */
export function signatureOf(
  kind: 'good' | 'none' | 'wrong',
  providerTaskId: string,
  atMs = Date.now(),
): Record<string, string> {
  if (kind === 'none') return {}
  const timestamp = String(Math.floor(atMs / 1_000))
  const key = kind === 'good' ? operatorSecrets.webhookKey : 'another key'
  const signature = createHmac('sha256', key).update(`${providerTaskId}.${timestamp}`).digest('base64')
  return { 'x-webhook-timestamp': timestamp, 'x-webhook-signature': signature }
}
