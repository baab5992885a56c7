import type { Resolve } from '../addresses/guarded-lookup.ts'
import type { Log } from '../runtime/log.ts'
import { taskIds } from '../separation/task-log.ts'
import type { Clock } from '../separation/store/clock.ts'
import type { PauseReason, WebhookMessage, WebhookQueue } from '../separation/store/webhook-queue.ts'
import type { CallerSecrets } from './caller-secrets.ts'
import type { MessageBody } from './message-body.ts'
import { postMessage, type PostOutcome } from './post-message.ts'
import { parseRetryAfter, retryDelayMs } from './retry-schedule.ts'
import { signatureHeaders } from './sign-message.ts'
import type { WebhookAddresses } from './webhook-addresses.ts'

/** What came of an attempt, for the metrics. */
export type AttemptResult = 'delivered' | 'refused' | 'timeout' | 'unreachable' | 'not-allowed'

export interface DeliverMessageOptions {
  readonly queue: Pick<WebhookQueue, 'delivered' | 'failed' | 'pause'>
  readonly clock: Clock
  readonly bodyOf: MessageBody
  readonly secretsOf: CallerSecrets
  readonly addresses: Pick<WebhookAddresses, 'permissionOf'>
  /** See `RetryOptions`. */
  readonly retryDelaysMs: readonly number[]
  readonly userAgent: string
  /** Called once for each attempt. */
  readonly onAttempt: (result: AttemptResult) => void
  /** The same, traced. */
  readonly traced: (send: SendMessage) => SendMessage
  readonly log: Log
  /** How host names are resolved. */
  readonly resolve?: Resolve | undefined
  /** From 0 to 1, exclusive. Default: Math.random. */
  readonly random?: (() => number) | undefined
  /** Ends the attempts under way. They do not count. */
  readonly signal: AbortSignal
}

/** Makes one attempt. Rejects only if the message cannot be read. */
export type SendMessage = (message: WebhookMessage) => Promise<PostOutcome>

/** Sends a message once. Resolves to when it is due next, in milliseconds since 1970; null: never, or not for now. */
export type DeliverMessage = (message: WebhookMessage) => Promise<number | null>

/** For everything from the look-up of the name to the status of the answer, in milliseconds. */
const attemptTimeoutMs = 15_000
/** An endpoint to which nothing was delivered for this time is paused when a message has used up its attempts. */
const pausedAfterMs = 5 * 24 * 60 * 60_000
const gone = 410
const retryLaterStatuses = [429, 503]

export function createDeliverMessage(options: DeliverMessageOptions): DeliverMessage {
  const { queue, clock, bodyOf, secretsOf, addresses, retryDelaysMs, userAgent, onAttempt, log, signal } = options
  const { resolve, random = Math.random } = options
  const attempt = options.traced(send)

  return async function deliverMessage(message) {
    // It is due again when its endpoint is resumed.
    if (message.isPaused) return null
    const startedAt = performance.now()
    const outcome = await attempt(message)
    if (outcome.kind === 'stopped') return clock.nowMs()
    const detail = { ...detailOf(message), ms: Math.round(performance.now() - startedAt) }
    if (outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300) {
      onAttempt('delivered')
      await queue.delivered(message)
      log.info({ event: 'webhook.delivered', ...detail, status: outcome.status }, 'a webhook was delivered')
      return null
    }
    onAttempt(outcome.kind === 'answered' ? 'refused' : outcome.kind)
    const answer = answerOf(outcome)
    const nowMs = clock.nowMs()
    const failingSinceMs = await queue.failed(message, answer, nowMs)
    if (outcome.kind === 'answered' && outcome.status === gone) {
      await pause(message, 'gone')
      return null
    }
    const failures = message.failures + 1
    const delayMs = retryDelayMs({ failures, delaysMs: retryDelaysMs, askedMs: askedMsIn(outcome, nowMs), random })
    if (delayMs !== null) {
      const retryInSeconds = Math.round(delayMs / 1_000)
      log.info({ event: 'webhook.failed', ...detail, answer, retryInSeconds }, 'a webhook failed, and is sent again')
      return nowMs + delayMs
    }
    log.warn({ event: 'webhook.held', ...detail, answer }, 'every attempt to send a webhook has failed; it is kept')
    if (nowMs - failingSinceMs >= pausedAfterMs) await pause(message, 'failing')
    return null
  }

  async function send(message: WebhookMessage): Promise<PostOutcome> {
    const url = new URL(message.endpoint.url)
    const permission = addresses.permissionOf(url)
    if (permission === null) return { kind: 'not-allowed' }
    const body = bodyOf(message)
    const signed = { id: message.id, sentAtMs: clock.nowMs(), body, secrets: secretsOf(message.endpoint.owner) }
    const headers = { 'content-type': 'application/json', 'user-agent': userAgent, ...signatureHeaders(signed) }
    return postMessage({ url, permission, headers, body, timeoutMs: attemptTimeoutMs, signal, resolve })
  }

  async function pause({ endpoint }: WebhookMessage, why: PauseReason): Promise<void> {
    if (!(await queue.pause(endpoint.id, why, clock.nowMs()))) return
    log.warn(
      { event: 'webhook.paused', endpoint: endpoint.id, host: hostOf(endpoint.url), owner: endpoint.owner, why },
      'nothing more is sent to an endpoint of webhooks until the operator resumes it',
    )
  }
}

function askedMsIn(outcome: PostOutcome, nowMs: number): number | null {
  if (outcome.kind !== 'answered' || outcome.retryAfter === null) return null
  return retryLaterStatuses.includes(outcome.status) ? parseRetryAfter(outcome.retryAfter, nowMs) : null
}

function answerOf(outcome: Exclude<PostOutcome, { kind: 'stopped' }>): string {
  switch (outcome.kind) {
    case 'answered':
      return `HTTP ${outcome.status}`
    case 'timeout':
      return 'no answer in time'
    case 'not-allowed':
      return 'the address is not allowed'
    case 'unreachable':
      return outcome.code
  }
}

/** Only the host of the URL: the rest may hold a secret. */
function detailOf({ id, endpoint, type, content, failures }: WebhookMessage) {
  const ids = content.kind === 'task' ? { ...taskIds(content.task), revision: content.task.revision } : {}
  const { owner, url } = endpoint
  return { messageId: id, type, ...ids, owner, endpoint: endpoint.id, host: hostOf(url), attempt: failures + 1 }
}

function hostOf(url: string): string {
  return new URL(url).host
}
