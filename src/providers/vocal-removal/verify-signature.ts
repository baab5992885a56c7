import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** The maximum difference between a callback's timestamp and this machine's clock. */
const signatureToleranceMs = 5 * 60 * 1_000

/**
 * Verifies Kie's signature: `X-Webhook-Signature` is base64(HMAC-SHA256(key, task id + "." + timestamp)), and
 * `X-Webhook-Timestamp` holds Unix seconds (`docs/providers.md, "Kie's signature"`). The body itself is not signed.
 * Returns what is wrong; null if the signature is valid.
 */
export function signatureProblem(signed: {
  readonly headers: IncomingHttpHeaders
  /** One of them must have signed the callback. */
  readonly webhookKeys: readonly string[]
  readonly providerTaskId: string
  readonly nowMs: number
}): string | null {
  const timestamp = signed.headers['x-webhook-timestamp']
  const signature = signed.headers['x-webhook-signature']
  if (typeof timestamp !== 'string' || typeof signature !== 'string') return 'the callback is not signed'
  if (!/^\d{1,12}$/.test(timestamp)) return "the signature's timestamp cannot be read"
  const text = `${signed.providerTaskId}.${timestamp}`
  const isSignedWith = (key: string) => isEqual(signature, createHmac('sha256', key).update(text).digest('base64'))
  if (!signed.webhookKeys.some(isSignedWith)) return 'the signature is wrong'
  const isTooFar = Math.abs(Number(timestamp) * 1_000 - signed.nowMs) > signatureToleranceMs
  return isTooFar ? "the signature's timestamp is more than 5 minutes off" : null
}

function isEqual(actual: string, expected: string): boolean {
  const [a, b] = [Buffer.from(actual), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
