import type { ProviderOrder } from '../../separation/provider.ts'
import { parseCallbackBody, parseCallbackId } from './parse-callback.ts'
import { parseRecordInfo } from './parse-record-info.ts'
import { parseSubmitAnswer } from './parse-submit-answer.ts'

/** One kind of job at a provider, as data of the REST client: its paths, and how its bodies are written and parsed. */
export interface Job {
  readonly paths: { readonly submit: string; readonly check: string }
  /** The body of a submit. */
  readonly submitBody: (order: ProviderOrder) => object
  readonly parseSubmitAnswer: typeof parseSubmitAnswer
  readonly parseRecordInfo: typeof parseRecordInfo
  readonly parseCallbackId: typeof parseCallbackId
  readonly parseCallbackBody: typeof parseCallbackBody
}

/** The separation of a song into stems (docs/providers.md, "Endpoints"). The prefix of its task ids is `taskIdPrefix`. */
export const vocalRemoval: Job = {
  paths: { submit: '/api/v1/vocal-removal/generate', check: '/api/v1/vocal-removal/record-info' },
  submitBody: ({ musicTaskId, audioId, type, callbackUrl }) => ({
    taskId: musicTaskId,
    audioId,
    type,
    callBackUrl: callbackUrl,
  }),
  parseSubmitAnswer,
  parseRecordInfo,
  parseCallbackId,
  parseCallbackBody,
}
