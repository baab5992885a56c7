import type { Refusal, SeparationType, Source, StemPart } from '../task.ts'

/** A stem as one source names it. */
export interface ReportedStem {
  readonly part: StemPart
  readonly label: string | null
  readonly url: string
  readonly durationSeconds: number | null
  /** See `Stem.originId`. */
  readonly originId: string | null
}

/** How a provider says that the work stands. Times are milliseconds since 1970, null where it told none. */
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

/** What a provider told of one of its tasks, by a callback or when it was asked. */
export interface ProviderReport {
  readonly kind: 'reported'
  readonly by: Source
  readonly providerTaskId: string
  /** Another task is bound to the id: the report counts all the same, and binds nothing. */
  readonly isShared?: true | undefined
  readonly outcome: Outcome
  /** What can be seen of the type from the stems that are there; null where nothing can. */
  readonly type: SeparationType | null
  readonly audioId: string | null
  readonly musicId: string | null
  readonly originUrl: string | null
}

/** Anything that may change a task. */
export type Report =
  /** The provider took the order. This is the charge. The id is null if the provider gave none that can be kept. */
  | {
      readonly kind: 'accepted'
      readonly providerTaskId: string | null
      /** Another task is bound to the id, so that this one is not. */
      readonly isShared?: true | undefined
    }
  /** The provider definitely did not take the order, so nothing was charged. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Nothing was ever heard of the order: it may have been charged. */
  | { readonly kind: 'unconfirmed' }
  /** The provider took the order and gave no result within the time that we wait. */
  | { readonly kind: 'no-result' }
  /** The provider has said SUCCESS for the whole grace period without naming every stem: take what there is. */
  | { readonly kind: 'incomplete-result' }
  | ProviderReport

/** A report and when it was made, in milliseconds since 1970. */
export interface DatedReport {
  readonly report: Report
  readonly atMs: number
}
