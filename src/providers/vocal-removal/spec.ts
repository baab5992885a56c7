import type { ProviderName } from '../../separation/task/provider-name.ts'
import type { RefusalReason } from '../../separation/task/failure.ts'

/** What a code in the answer to a submit means. Each is a definite refusal: nothing was charged. */
export type CodeMeaning =
  | Exclude<RefusalReason, 'unavailable'>
  /** The provider does not accept the gateway's API key. */
  | 'key-not-accepted'
  /** The provider does not serve this request at this URL. */
  | 'not-served'
  | 'maintenance'

/** The data of one provider for the REST client. */
export interface ProviderSpec {
  readonly name: ProviderName
  /** Its name in messages to callers. Every such message begins with it. */
  readonly displayName: string
  /** The base URL of its API, without a path; null if the gateway sets it. */
  readonly baseUrl: string | null
  /** The path of its credits call (docs/providers.md, "Credits"). */
  readonly creditsPath: string
  /** How long it keeps files after success. */
  readonly retentionMs: number
  /** How it signs its callbacks; null if it does not sign them. */
  readonly signature: 'kie' | null
  /** The codes that refuse a submit. A code that is not listed says nothing about the charge. */
  readonly codes: Readonly<Record<number, CodeMeaning>>
  /** What a caller should check if the track does not exist: a sentence. */
  readonly trackHint: string
}

/** 14 days, as Apikley and SunoAPI document; Kie documents only a limited time (`docs/providers.md, "Retention"`). */
export const defaultRetentionMs = 14 * 24 * 60 * 60 * 1_000

export const vendorTrackHint = 'Check musicTaskId and audioId; both must come from the account that this gateway uses.'
