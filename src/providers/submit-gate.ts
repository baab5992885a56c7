import type { Admission } from '../separation/ports.ts'
import type { ProviderName } from '../separation/task.ts'
import { createBreaker, type BreakerOptions } from './breaker.ts'
import type { OrderRate } from './rates.ts'
import { notSent } from './refusal-of.ts'

export interface SubmitGateOptions {
  readonly provider: ProviderName
  readonly orders: OrderRate
  readonly breaker?: BreakerOptions
}

/** Lets orders through at the provider's rate, and none while the provider is known to be down. */
export interface SubmitGate {
  /** Asked before an order is written down: what is not admitted was never sent, nor charged. */
  admit(): Promise<Admission>
  /** Whether an order that was admitted had an answer of the provider's own, whatever it said. */
  heard(order: { readonly hasAnswered: boolean }): void
}

const usualBreaker: BreakerOptions = { failures: 5, pauseMs: 15_000 }

export function createSubmitGate({ provider, orders, breaker: options }: SubmitGateOptions): SubmitGate {
  const breaker = createBreaker(options ?? usualBreaker)

  return {
    async admit() {
      const place = await orders.take()
      if (place.kind === 'full') {
        const { freeInMs } = place
        const retryAfterSeconds = Math.ceil(freeInMs / 1000)
        const message = `${provider} takes ${orders.limit} orders in 10 s, and they are taken. Nothing was sent, so nothing was charged; try again in ${retryAfterSeconds} s.`
        const refusal = {
          reason: 'rate-limited',
          providerCode: null,
          message,
          retryable: true,
          retryAfterSeconds,
        } as const
        return { kind: 'not-admitted', freeInMs, refusal }
      }
      const trial = breaker.try()
      if (trial === null) {
        place.giveBack()
        const seconds = Math.max(1, Math.ceil(breaker.waitMs() / 1000))
        const message = `${provider} has not been answering orders. Nothing was sent, so nothing was charged; try again in ${seconds} s.`
        return { kind: 'not-admitted', freeInMs: null, refusal: notSent(message, true) }
      }
      return {
        kind: 'admitted',
        giveBack() {
          place.giveBack()
          trial.giveBack()
        },
      }
    },

    heard: ({ hasAnswered }) => breaker.heard(!hasAnswered),
  }
}
