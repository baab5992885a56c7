import type { ProviderReport } from './advance/report.ts'
import type { ProviderName, Refusal, SeparationType } from './task.ts'

/** A vendor of the REST API. Neither verb ever throws: what went wrong is part of the answer. */
export interface Provider {
  readonly name: ProviderName
  /** How long the provider keeps the files after success. */
  readonly retentionMs: number
  /**
   * Asks for a slot for one order, before it is written down. Who is admitted submits once, or gives the slot back. Answers
   * at once: a transaction of the store's may be open.
   */
  admit(order: OrderedTrack): Promise<Admission>
  /** Orders and thereby pays. Sent at most once; nothing may repeat it. */
  submit(order: ProviderOrder): Promise<SubmitAnswer>
  /**
   * Asks record-info; waits for its turn within the provider's rate.
   * @param onSlot called when the turn has come
   */
  check(providerTaskId: string, onSlot?: () => void): Promise<CheckAnswer>
}

/** What is ordered, and for whom. The owner is never told to the provider. */
export interface OrderedTrack {
  readonly owner: string
  readonly musicTaskId: string
  readonly audioId: string
}

export interface ProviderOrder extends OrderedTrack {
  readonly type: SeparationType
  readonly callbackUrl: string
}

export type Admission =
  | { readonly kind: 'admitted'; readonly release: () => void }
  | {
      readonly kind: 'not-admitted'
      readonly refusal: Refusal
      /** null if waiting is not worth it. */
      readonly wait: SlotWait | null
    }

/** Waiting for a slot. Times are those of performance.now(). */
export interface SlotWait {
  /** When there is a slot for the order, as far as is known now. */
  readonly freeAtMs: number
  /** Waits in the caller's queue until then at the latest. */
  readonly until: (untilMs: number) => Promise<Admission>
}

export type SubmitAnswer =
  /** Charged. The id is null if the provider named one that cannot be kept (see `isProviderId`). */
  | { readonly kind: 'accepted'; readonly providerTaskId: string | null }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Nothing that was heard tells whether the order was taken, so it may have been charged. */
  | { readonly kind: 'unknown'; readonly cause: string }

export type CheckAnswer =
  | {
      readonly kind: 'found'
      readonly report: ProviderReport
      /** The callback URL that record-info echoes; null where it echoes none. It holds a secret. */
      readonly callbackUrl: string | null
      readonly createdAtMs: number | null
    }
  /** The provider knows no such task, or does not show it yet. */
  | { readonly kind: 'not-found' }
  /** The provider could not be read, or said nothing that can be used; says nothing about the task. */
  | {
      readonly kind: 'inconclusive'
      readonly cause: string
      /** The provider did answer about this task, in words that nobody knows: its wait may end. */
      readonly isAboutTask?: true | undefined
    }
