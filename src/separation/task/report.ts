import type { Refusal } from './failure.ts'
import type { Resolution } from './task.ts'
import type { SeparationType, StemPart } from './separation-type.ts'
import type { Source } from './reported.ts'
import type { StemCopy } from './stem.ts'

/** A stem in a report of a provider. */
export interface ReportedStem {
  readonly part: StemPart
  readonly label: string | null
  readonly url: string
  readonly durationSeconds: number | null
  /** See `Stem.originId`. */
  readonly originId: string | null
}

/** The state of the provider's work. Times are milliseconds since 1970, null where the provider gives none. */
export type Outcome =
  | { readonly state: 'pending' }
  | {
      readonly state: 'succeeded'
      readonly stems: readonly ReportedStem[]
      readonly completedAtMs: number | null
    }
  | {
      readonly state: 'failed'
      readonly code: 'CALLBACK_FAILED' | 'CREATION_FAILED' | 'GENERATION_FAILED'
      readonly providerCode: number | null
      readonly message: string
      readonly completedAtMs: number | null
    }

/** What a provider reports about one of its tasks, in a callback or in record-info. */
export interface ProviderReport {
  readonly kind: 'reported'
  readonly by: Source
  readonly providerTaskId: string
  /** Another task is bound to the id. The report is merged, but binds nothing. */
  readonly isShared?: true | undefined
  readonly outcome: Outcome
  /** The type, if the reported stems show it. */
  readonly type: SeparationType | null
  readonly audioId: string | null
  readonly musicId: string | null
  readonly originUrl: string | null
}

/** What is learned about an order and its result. */
export type OrderReport =
  /** The gateway has begun to send the order, so that it may be charged. */
  | {
      readonly kind: 'sent'
      /** When the result is expected, in milliseconds since 1970; null if it cannot be estimated. */
      readonly expectedAtMs: number | null
      /** See `Task.sendAttempt`. */
      readonly attempt: string
    }
  /** The wait for the answer to the order has ended without one. A callback may still tell what came of it. */
  | { readonly kind: 'unanswered' }
  /** The provider accepted and charged the order. The id is null if the provider gave none that can be stored. */
  | {
      readonly kind: 'accepted'
      readonly providerTaskId: string | null
      /** Another task is bound to the id, so this one is not. */
      readonly isShared?: true | undefined
    }
  /** The provider definitely did not accept the order, so nothing was charged. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The operator has found out whether the provider charged the order. */
  | { readonly kind: 'resolved'; readonly charge: Resolution['charge'] }
  /** Neither an answer nor a callback came for the order: it may have been charged. */
  | { readonly kind: 'unconfirmed' }
  /** The provider accepted the order and gave no result in time. */
  | { readonly kind: 'no-result' }
  /** The provider has reported success for the whole grace period without every stem: the task succeeds with those it has. */
  | { readonly kind: 'incomplete-result' }
  | ProviderReport

/** What the archive did. */
export type ArchiveReport =
  /** It has copied the file of a stem. */
  | { readonly kind: 'archived'; readonly copy: Omit<StemCopy, 'atMs'> }
  /** It has deleted its copies for good. */
  | { readonly kind: 'archive-deleted' }

/** Anything that may change a task. */
export type Report = OrderReport | ArchiveReport

/** A report and when it was made, in milliseconds since 1970. */
export interface DatedReport {
  readonly report: Report
  readonly atMs: number
}

/** Whether the report contains stems. */
export function hasStems({ outcome }: ProviderReport): boolean {
  return outcome.state === 'succeeded' && outcome.stems.length > 0
}
