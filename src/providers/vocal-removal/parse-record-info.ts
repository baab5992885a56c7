import * as z from 'zod'
import type { Outcome, ProviderReport } from '../../separation/task/report.ts'
import { messageLength, type Redact } from '../client/redact.ts'
import { anyField, codeField, idField, idTextField, textField } from './fields.ts'
import type { Envelope } from './parse-envelope.ts'
import { parseState, type State } from './parse-state.ts'
import { noStems, parseStems, type Omitted, type ParsedStems } from './parse-stems.ts'
import { parseTime } from './parse-time.ts'
import type { CheckAnswer } from '../../separation/provider.ts'

/** What the parsers need besides the body. */
export interface ParserContext {
  readonly redact: Redact
  /** Called once for each answer of which something was omitted. */
  readonly onOmitted: (omitted: Omitted) => void
}

/** Reports what was omitted from an answer, if anything was. */
export function reportOmitted(omitted: Omitted, { onOmitted }: ParserContext): void {
  if (omitted.stems > 0 || omitted.addresses.length > 0) onOmitted(omitted)
}

const record = z.object({
  taskId: idTextField,
  musicId: idField,
  audioId: idField,
  callbackUrl: textField,
  successFlag: anyField,
  status: anyField,
  createTime: anyField,
  completeTime: anyField,
  response: anyField,
  errorCode: codeField,
  errorMessage: textField,
})
type TaskRecord = z.infer<typeof record>

/**
 * Reads record-info's answer (`docs/providers.md, "record-info"`). Only `successFlag` fails a task; the code of a read
 * never does. Every code except 200 means that the task is not visible, or that the read is inconclusive
 * (`docs/providers.md, "Which layer counts"`).
 */
export function parseRecordInfo(answer: Envelope, providerTaskId: string, context: ParserContext): CheckAnswer {
  const { code, msg, data } = answer
  if (code === null) return inconclusive('record-info answered without a code')
  if (code === 404 || code === 422) return { kind: 'not-found' }
  if (code !== 200) {
    const cause = `record-info answered code ${code}${msg === null ? '' : `: ${context.redact(msg, messageLength)}`}`
    return taskCodes.has(code) ? { kind: 'inconclusive', cause, isAboutTask: true } : inconclusive(cause)
  }
  if (data === null || data === undefined) return { kind: 'not-found' }

  const read = record.safeParse(data)
  if (!read.success) return inconclusive('record-info answered data that is not an object')
  const { taskId, callbackUrl, createTime } = read.data
  if (taskId !== null && taskId !== providerTaskId) return inconclusive('record-info answered for another task')
  const named = parseState(read.data.successFlag) ?? parseState(read.data.status)
  const found = named === 'PENDING' ? noStems : parseStems(read.data.response)
  reportOmitted(found.omitted, context)
  const state = named ?? (isDone(read.data, found) ? 'SUCCESS' : null)
  if (state === null) {
    return { kind: 'inconclusive', cause: 'record-info answered an unknown state', isAboutTask: true }
  }

  const report = toReport(read.data, state, found, providerTaskId, context)
  return { kind: 'found', report, callbackUrl, createdAtMs: parseTime(createTime) }
}

/** The codes that are about the requested task, not about our key, the rate or the provider. */
const taskCodes = new Set([400, 409, 413, 451])

/** Whether a task with an unknown state has its whole result. */
function isDone({ completeTime }: TaskRecord, { stems, hasAllParts }: ParsedStems): boolean {
  return hasAllParts || (stems.length > 0 && parseTime(completeTime) !== null)
}

function toReport(
  data: TaskRecord,
  state: State,
  found: ParsedStems,
  providerTaskId: string,
  context: ParserContext,
): ProviderReport {
  return {
    kind: 'reported',
    by: 'record-info',
    providerTaskId,
    outcome: parseOutcome(data, state, found, context.redact),
    type: found.type,
    audioId: data.audioId,
    musicId: data.musicId,
    originUrl: found.originUrl,
  }
}

const failures = {
  CREATE_TASK_FAILED: { code: 'CREATION_FAILED', message: 'The provider could not create the task.' },
  GENERATE_AUDIO_FAILED: { code: 'GENERATION_FAILED', message: 'The provider could not separate the track.' },
  CALLBACK_EXCEPTION: {
    code: 'CALLBACK_FAILED',
    message: 'The provider could not report the result, and returned no audio.',
  },
} as const

/** Audio outweighs a failure: CALLBACK_EXCEPTION concerns only the callback (`docs/providers.md, "record-info"`). */
function parseOutcome(data: TaskRecord, state: State, { stems }: ParsedStems, redact: Redact): Outcome {
  const completedAtMs = parseTime(data.completeTime)
  if (state === 'PENDING') return { state: 'pending' }
  if (state === 'SUCCESS' || stems.length > 0) return { state: 'succeeded', stems, completedAtMs }
  const failure = failures[state]
  const message = redact(data.errorMessage ?? '', messageLength, data.callbackUrl)
  return {
    state: 'failed',
    code: failure.code,
    providerCode: data.errorCode,
    message: message === '' ? failure.message : message,
    completedAtMs,
  }
}

function inconclusive(cause: string): CheckAnswer {
  return { kind: 'inconclusive', cause }
}
