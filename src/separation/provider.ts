import type { Trace } from '../runtime/trace.ts'
import type { ProviderReport } from './task/report.ts'
import type { ProviderName } from './task/provider-name.ts'
import type { Refusal } from './task/failure.ts'
import type { SeparationType } from './task/separation-type.ts'

/** A vendor of the REST API. Its methods never reject: errors are part of the answer. */
export interface Provider {
  readonly name: ProviderName
  /** How long the provider keeps files after success, in milliseconds. */
  readonly retentionMs: number
  /**
   * Asks for a slot for one order, before the order is stored. An order that the account cannot pay gets none. An admitted order is submitted once, or releases its slot.
   * Answers at once, because a transaction of the store may be open.
   */
  admit(order: OrderedTrack): Promise<Admission>
  /**
   * Sends the order, which the provider charges for. Sent at most once, and never retried: a request with another API key
   * follows only a refusal that proves that nothing was charged.
   */
  submit(order: ProviderOrder): Promise<SubmitAnswer>
  /**
   * Reads record-info, within the provider's rate limit.
   * @param onSlot called when the read has its slot within that limit
   * @param trace the request that the read belongs to; null if it is not known
   */
  check(providerTaskId: string, onSlot?: () => void, trace?: Trace | null): Promise<CheckAnswer>
}

/** The track of an order, its type and its owner. The owner is never sent to the provider. */
export interface OrderedTrack {
  readonly owner: string
  readonly musicTaskId: string
  readonly audioId: string
  readonly type: SeparationType
}

export interface ProviderOrder extends OrderedTrack {
  readonly callbackUrl: string
  /** The request that ordered it. Its ids are sent with the order. */
  readonly trace: Trace | null
}

export type Admission =
  | { readonly kind: 'admitted'; readonly release: () => void; readonly sent: () => void }
  | {
      readonly kind: 'not-admitted'
      readonly refusal: Refusal
      /** null if there is no use in waiting. */
      readonly wait: SlotWait | null
    }

/** A wait for a slot. Times are those of performance.now(). */
export interface SlotWait {
  /** When a slot for the order is expected to be free. */
  readonly freeAtMs: number
  /** Waits in the caller's queue until `untilMs` at most. */
  readonly until: (untilMs: number) => Promise<Admission>
}

/** `key`: which of several API keys the order was sent with, from 1. */
export type SubmitAnswer = { readonly key?: number } &
  /** The order is charged. The id is null if it cannot be stored (see `isProviderTaskId`). */
  (
    | { readonly kind: 'accepted'; readonly providerTaskId: string | null }
    | { readonly kind: 'refused'; readonly refusal: Refusal }
    /** No usable answer: the order may have been accepted and charged. */
    | { readonly kind: 'unknown'; readonly cause: string }
  )

export type CheckAnswer =
  | {
      readonly kind: 'found'
      readonly report: ProviderReport
      /** The callback URL in record-info; null if there is none. It contains a secret. */
      readonly callbackUrl: string | null
      readonly createdAtMs: number | null
    }
  /** The provider does not know the task, or does not show it yet. */
  | { readonly kind: 'not-found' }
  /** The provider could not be read, or its answer cannot be used. Says nothing about the task. */
  | {
      readonly kind: 'inconclusive'
      readonly cause: string
      /** The answer is about this task, although its state is unknown: waiting for the task may end. */
      readonly isAboutTask?: true | undefined
    }
