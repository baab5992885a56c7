import { setTimeout as sleep } from 'node:timers/promises'
import { createPoller } from '../separation/check/poller.ts'
import { StoreUnavailableError } from '../separation/errors.ts'
import type { DueQueue } from '../separation/store/due-queue.ts'
import type { WebhookMessage, WebhookQueue } from '../separation/store/webhook-queue.ts'
import { createDeliverMessage, type DeliverMessageOptions } from './deliver-message.ts'
import { createSendingRoom } from './sending-room.ts'

export interface WebhooksOptions extends Omit<DeliverMessageOptions, 'signal' | 'queue'> {
  readonly queue: WebhookQueue
  /** How often the store is asked for messages that other gateways have stored or left behind, in milliseconds. */
  readonly pollIntervalMs: number
}

/** Sends the messages in the store. */
export interface Webhooks {
  start(): void
  /** Sends a message that was just stored, without waiting for the next poll. */
  wake(): void
  /** Begins no other attempt. Resolves when those under way have ended. */
  stop(): Promise<void>
}

const maxConcurrent = 48
const limits = { perEndpoint: 4, perOwner: 16 }
/** Messages that are stored together are leased together. In milliseconds. */
const wakeAfterMs = 10
/** How long attempts under way may go on when the gateway stops, in milliseconds. */
const stopWithinMs = 3_000
/** How long messages are kept that are not sent any more, and how often others are deleted, in milliseconds. */
const keptMs = 30 * 24 * 60 * 60_000
const deleteEveryMs = 60 * 60_000
/** How many messages are deleted by one write. */
const maxDeleted = 500

export function createWebhooks(options: WebhooksOptions): Webhooks {
  const { queue, clock, log, pollIntervalMs } = options
  const stopping = new AbortController()
  const deleting = new AbortController()
  const deliver = createDeliverMessage({ ...options, signal: stopping.signal })
  const sending = createSendingRoom(limits)
  let hasMore = false
  /** Whether this gateway has sent a message. Most gateways never do, and need not be woken. */
  let isUsed = false
  let waking: NodeJS.Timeout | undefined
  let isStarted = false
  let deletions: Promise<void> = Promise.resolve()

  const due: DueQueue<WebhookMessage> = {
    async leaseDue(nowMs, leaseUntilMs, limit) {
      const leased = await queue.leaseDue(nowMs, leaseUntilMs, limit, sending.room())
      leased.messages.forEach(sending.enter)
      hasMore = leased.hasMore
      isUsed ||= leased.messages.length > 0
      return leased.messages
    },
    renew: queue.renew,
    release: queue.release,
  }
  const poller = createPoller({
    queue: due,
    clock,
    async work(message, onSlot) {
      onSlot()
      try {
        return await deliver(message)
      } finally {
        sending.leave(message)
        // What had no room before may have some now.
        if (hasMore) poller.poll()
      }
    },
    log,
    name: 'webhooks',
    ratePerSecond: () => Infinity,
    maxConcurrent,
    pollIntervalMs,
  })

  async function keepDeleting(): Promise<void> {
    const { signal } = deleting
    while (!signal.aborted) {
      try {
        while (!signal.aborted && (await queue.deleteHeld(clock.nowMs() - keptMs, maxDeleted)) === maxDeleted);
      } catch (error) {
        // The store itself logs that it is unavailable.
        if (!(error instanceof StoreUnavailableError)) log.error({ err: error }, 'old webhooks could not be deleted')
      }
      await sleep(deleteEveryMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  return {
    start() {
      isStarted = true
      poller.poll()
      deletions = keepDeleting()
    },
    wake() {
      if (!isStarted || !isUsed || waking !== undefined) return
      waking = setTimeout(() => {
        waking = undefined
        poller.poll()
      }, wakeAfterMs).unref()
    },
    async stop() {
      deleting.abort()
      clearTimeout(waking)
      isStarted = false
      const patience = setTimeout(() => stopping.abort(), stopWithinMs)
      await Promise.all([poller.stop(), deletions])
      clearTimeout(patience)
    },
  }
}
