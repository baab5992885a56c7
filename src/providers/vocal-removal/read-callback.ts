import type { IncomingHttpHeaders } from 'node:http'
import { describeError } from '../../runtime/describe-error.ts'
import type { Log } from '../../runtime/log.ts'
import type { ProviderReport } from '../../separation/task/report.ts'
import { messageLength } from '../client/redact.ts'
import type { Job } from './job.ts'
import type { ParserContext } from './parse-record-info.ts'
import { unusableIdProblem } from './parse-task-id.ts'
import type { ProviderSpec } from './spec.ts'
import { signatureProblem } from './verify-signature.ts'

export interface ReceivedCallback {
  readonly headers: IncomingHttpHeaders
  /** Parsed JSON. */
  readonly body: unknown
  readonly nowMs: number
}

export interface ParsedCallback {
  readonly providerTaskId: string | null
  /** null if the body is unusable or its signature is wrong. */
  readonly report: ProviderReport | null
  /** Whether a signature was verified. */
  readonly isSigned: boolean
  /** The reason for the log; it holds no secret. null if there is a report. */
  readonly problem: string | null
}

export interface ReadCallbackOptions {
  readonly spec: Pick<ProviderSpec, 'name' | 'signature'>
  readonly job: Job
  /** Each of them is accepted. Empty: callbacks are not verified by signature. Called at each callback. */
  readonly webhookKeys: () => readonly string[]
  readonly context: ParserContext
  readonly log: Pick<Log, 'error'>
}

/** Verifies and parses a callback in one step. */
export type ReadCallback = (callback: ReceivedCallback) => ParsedCallback

export function createReadCallback({ spec, job, webhookKeys, context, log }: ReadCallbackOptions): ReadCallback {
  return function readCallback({ headers, body, nowMs }) {
    let providerTaskId: string | null = null
    const unusable = (problem: string) => ({ providerTaskId, report: null, isSigned: false, problem })
    try {
      const named = job.parseCallbackId(body)
      if (named.kind === 'none') return unusable('the callback has no task id')
      if (named.kind === 'unusable') {
        log.error({ event: 'callback.unusable-id', provider: spec.name }, unusableIdProblem)
        return unusable(unusableIdProblem)
      }
      providerTaskId = named.id
      // With a key, only callbacks with a valid signature get beyond this line.
      const keys = webhookKeys()
      const isSigned = spec.signature !== null && keys.length > 0
      const problem = isSigned ? signatureProblem({ headers, webhookKeys: keys, providerTaskId, nowMs }) : null
      if (problem !== null) return unusable(problem)
      const report = job.parseCallbackBody(body, context)
      return report === null
        ? unusable('the callback has neither a code nor audio')
        : { providerTaskId, report, isSigned, problem: null }
    } catch (error) {
      return unusable(`the callback could not be read: ${context.redact(describeError(error), messageLength)}`)
    }
  }
}
