import type { ProviderName, RefusalReason } from '../../separation/task.ts'
import type { Log as OperatorLog } from '../../runtime/log.ts'

/** Where we say what the operator should know. */
export type Log = Pick<OperatorLog, 'info' | 'warn' | 'error'>

/** What a code in a submit's answer says. Every one is a definite refusal: nothing was charged. */
export type CodeMeaning =
  | Exclude<RefusalReason, 'unavailable'>
  /** Our own key is not accepted. */
  | 'key-not-accepted'
  /** The provider does not serve our request at this address. */
  | 'not-served'
  | 'maintenance'

/** A provider as data on the one REST client. */
export interface ProviderSpec {
  readonly name: ProviderName
  /** Its name in messages to callers. Every such message begins with it. */
  readonly displayName: string
  /** Where its API stands, without a path; null if only the app knows. */
  readonly baseUrl: string | null
  /** How long it keeps the files after success. */
  readonly retentionMs: number
  /** How it signs its callbacks; null if it does not. */
  readonly signature: 'kie' | null
  /** Its codes that definitely refuse a submit. Any code that does not stand here says nothing about the charge. */
  readonly codes: Readonly<Record<number, CodeMeaning>>
  /** What a caller should check if the track does not exist: a sentence. */
  readonly trackHint: string
}

/** 14 days by Apikley's pages; the others say only that URLs have time limits. */
export const defaultRetentionMs = 14 * 24 * 60 * 60 * 1_000

export const vendorTrackHint = 'Check musicTaskId and audioId; both must come from the account that this gateway uses.'
