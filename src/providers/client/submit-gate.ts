import type { Refusal } from '../../separation/task/failure.ts'
import { createBreaker, type BreakerOptions, type OrderOrigin } from './breaker.ts'
import type { BreakerState } from './provider-state.ts'
import { createOrderQueue } from './order-queue.ts'
import type { NoSlot, OrderRate, Slot } from './rates.ts'
import type { Admission, OrderedTrack } from '../../separation/provider.ts'
import { notSentRefusal } from './not-sent-refusal.ts'

export interface SubmitGateOptions {
  /** The provider's name in messages to callers. */
  readonly displayName: string
  readonly orders: OrderRate
  readonly breaker?: BreakerOptions
  /** Called when orders begin to be paused because the provider does not answer them, and when it answers one again. */
  readonly onPause?: (isPaused: boolean) => void
}

/** Admits orders at the provider's rate, and none while the provider is down. */
export interface SubmitGate {
  /** Call it before an order is stored. An order that is not admitted is never sent and never charged. */
  admit(order: OrderedTrack): Promise<Admission>
  /** Whether it admits no order of the caller now, because the provider has not answered recent ones. */
  isClosedFor(caller: string): boolean
  /** Whether it admits no order, because the provider has not answered recent ones. */
  breakerState(): BreakerState
  /** Reports whether the provider itself answered an admitted order, with whatever result. */
  report(order: OrderedTrack, outcome: { readonly hasAnswered: boolean }): void
}

/** No order has it, so the breaker cannot be open for it alone. */
const noTrack = ''

const defaultBreaker: BreakerOptions = { failures: 5, pauseMs: 15_000 }

export function createSubmitGate({ displayName, orders, breaker: options, onPause }: SubmitGateOptions): SubmitGate {
  const breaker = createBreaker({ ...(options ?? defaultBreaker), ...(onPause && { onChange: onPause }) })
  const queue = createOrderQueue(orders)

  /** Admits the order if the breaker permits it and there is a slot. */
  async function admit(order: OrderedTrack, acquireSlot: () => Promise<Slot>): Promise<Admission> {
    const origin = originOf(order)
    const attempt = breaker.attempt(origin)
    if (attempt === null) return providerDown(origin)
    const slot = await acquireSlot()
    if (slot.kind === 'acquired') {
      return {
        kind: 'admitted',
        sent: slot.sent,
        release() {
          slot.release()
          attempt.release()
        },
      }
    }
    attempt.release()
    return {
      kind: 'not-admitted',
      refusal: rateLimited(slot),
      wait: { freeAtMs: performance.now() + slot.freeInMs, until: (untilMs) => waitInQueue(order, untilMs) },
    }
  }

  async function waitInQueue(order: OrderedTrack, untilMs: number): Promise<Admission> {
    const slot = await queue.wait(order.owner, untilMs)
    const admission = await admit(order, async () => slot)
    // The breaker may have opened in the meantime.
    if (admission.kind === 'not-admitted' && slot.kind === 'acquired') slot.release()
    return admission
  }

  function providerDown(origin: OrderOrigin): Admission {
    const seconds = Math.max(1, Math.ceil(breaker.waitMs(origin) / 1000))
    const message = `${displayName} has not answered recent orders. Nothing was sent, so nothing was charged; try again in ${seconds} s.`
    return { kind: 'not-admitted', wait: null, refusal: notSentRefusal(message, true) }
  }

  function rateLimited({ freeInMs, isShareUsed }: NoSlot): Refusal {
    const retryAfterSeconds = Math.max(1, Math.ceil(freeInMs / 1000))
    const cause = isShareUsed ? 'yours hold half of the slots while other callers wait' : 'all slots are in use'
    const message = `${displayName} accepts ${orders.limit()} orders in 10 s, including refused ones, and ${cause}. This order was not sent, so nothing was charged; try again in ${retryAfterSeconds} s.`
    return { reason: 'rate-limited', providerCode: null, message, retryable: true, retryAfterSeconds }
  }

  return {
    admit: (order) => admit(order, () => queue.acquire(order.owner)),
    isClosedFor: (caller) => breaker.waitMs({ caller, track: noTrack }) > 0,
    breakerState: breaker.state,
    report: (order, { hasAnswered }) => breaker.report(originOf(order), !hasAnswered),
  }
}

function originOf({ owner, musicTaskId, audioId }: OrderedTrack): OrderOrigin {
  return { caller: owner, track: JSON.stringify([musicTaskId, audioId]) }
}
