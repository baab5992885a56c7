import { describeError } from '../../runtime/describe-error.ts'
import type { Trace } from '../../runtime/trace.ts'
import type { CheckAnswer } from '../../separation/provider.ts'
import { keyProblem, type ApiKey } from '../client/api-key.ts'
import type { ApiKeys } from '../client/api-keys.ts'
import type { RateLimitedReader } from '../client/rate-limited-reader.ts'
import { messageLength } from '../client/redact.ts'
import type { Job } from './job.ts'
import { parseEnvelopeText } from './parse-envelope.ts'
import type { ParserContext } from './parse-record-info.ts'
import type { ProviderOutages } from './provider-outages.ts'
import type { RequestParts } from './request-parts.ts'

export interface ReadRecordInfoOptions {
  readonly job: Job
  readonly parts: RequestParts
  readonly keys: Pick<ApiKeys, 'isInUse'>
  readonly reader: Pick<RateLimitedReader, 'get'>
  readonly outages: Pick<ProviderOutages, 'reachability' | 'unusableAnswers'>
  readonly context: ParserContext
  /** Whether reads end because the gateway stops. */
  readonly isStopping: () => boolean
}

/** What record-info answered with one key. */
export interface RecordInfoReading {
  readonly answer: CheckAnswer
  /** Whether it says nothing of what another key would show: the task may belong to another account. */
  readonly mayUseNextKey: boolean
}

/** Reads the state of a task at the provider. Never rejects. The other parameters are those of `Provider.check`. */
export type ReadRecordInfo = (
  key: ApiKey,
  providerTaskId: string,
  onSlot: (() => void) | undefined,
  trace: Trace | null,
) => Promise<RecordInfoReading>

export function createReadRecordInfo(options: ReadRecordInfoOptions): ReadRecordInfo {
  const { job, parts, keys, reader, outages, context, isStopping } = options
  const { reachability, unusableAnswers } = outages

  const readOnce: ReadRecordInfo = async (key, providerTaskId, onSlot, trace) => {
    const url = parts.urlOf(job.paths.check)
    url.searchParams.set('taskId', providerTaskId)
    const answer = await reader.get(url, parts.headersWith(key.text, trace), onSlot)
    reachability.worked()
    const envelope = answer.body === null ? null : parseEnvelopeText(answer.body)
    const code = envelope?.code ?? null
    if (code === 401 || (code === null && answer.status === 401)) {
      if (keys.isInUse(key)) key.checkRefusals.failed({ providerCode: code })
      return { answer: { kind: 'inconclusive', cause: keyProblem }, mayUseNextKey: true }
    }
    if (code !== null) key.checkRefusals.worked()
    if (envelope === null || code === null) {
      const problem = answer.problem ?? 'its body has no readable code'
      const cause = context.redact(`HTTP ${answer.status}, ${problem}`, messageLength)
      unusableAnswers.failed({ cause })
      return { answer: { kind: 'inconclusive', cause }, mayUseNextKey: false }
    }
    const checked = job.parseRecordInfo(envelope, providerTaskId, context)
    if (checked.kind !== 'inconclusive') unusableAnswers.worked()
    else if (checked.isAboutTask !== true) unusableAnswers.failed({ providerCode: code, cause: checked.cause })
    const isAboutTask = checked.kind === 'found' || (checked.kind === 'inconclusive' && checked.isAboutTask === true)
    return { answer: checked, mayUseNextKey: !isAboutTask }
  }

  return async function readRecordInfo(...request) {
    try {
      return await readOnce(...request)
    } catch (error) {
      const cause = context.redact(describeError(error), messageLength)
      if (!isStopping()) reachability.failed({ cause })
      return { answer: { kind: 'inconclusive', cause }, mayUseNextKey: false }
    }
  }
}
