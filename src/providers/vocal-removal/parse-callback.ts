import type { Outcome, ProviderReport } from '../../separation/task/report.ts'
import { messageLength } from '../client/redact.ts'
import { objectField } from './fields.ts'
import { parseEnvelope, type Envelope } from './parse-envelope.ts'
import { reportOmitted, type ParserContext } from './parse-record-info.ts'
import { noStems, parseStems, type ParsedStems } from './parse-stems.ts'
import { parseTaskId, type NamedId } from './parse-task-id.ts'

/** Reads the provider task id from a callback's body. */
export function parseCallbackId(body: unknown): NamedId {
  return parseTaskId(parseEnvelope(body)?.data)
}

/**
 * Reads a callback's body in either envelope (`docs/providers.md, "Callback bodies"`). A body with audio is a success,
 * whatever its code. Without audio, 200 is a success, another code below 300 means pending, and any other code is a
 * failure. Returns null if the body has no id, or neither a code nor audio.
 */
export function parseCallbackBody(body: unknown, context: ParserContext): ProviderReport | null {
  const envelope = parseEnvelope(body)
  const named = parseCallbackId(body)
  if (envelope === null || named.kind !== 'usable') return null
  const found = parseInfo(objectField.parse(envelope.data) ?? {}, context)
  if (envelope.code === null && found.stems.length === 0) return null

  const { type, originUrl } = found
  return {
    kind: 'reported',
    by: 'callback',
    providerTaskId: named.id,
    outcome: outcomeOf(envelope, found, context),
    type,
    audioId: null,
    musicId: null,
    originUrl,
  }
}

function outcomeOf({ code, msg }: Envelope, { stems }: ParsedStems, context: ParserContext): Outcome {
  if (code === 200 || stems.length > 0) return { state: 'succeeded', stems, completedAtMs: null }
  if (code !== null && code >= 0 && code < 300) return { state: 'pending' }
  const message = context.redact(msg ?? '', messageLength)
  return {
    state: 'failed',
    code: 'GENERATION_FAILED',
    providerCode: code,
    message: message === '' ? 'The provider could not separate the track.' : message,
    completedAtMs: null,
  }
}

/** Reads the object with the stems: under its documented names first, then under any other key that ends in `info`. */
function parseInfo(data: Record<string, unknown>, context: ParserContext): ParsedStems {
  const others = Object.keys(data).filter((key) => /info$/i.test(key))
  const keys = new Set(['vocal_separation_info', 'vocal_removal_info', ...others])
  const addresses: string[] = []
  let omittedCount = 0
  let found = noStems
  for (const key of keys) {
    const read = parseStems(data[key])
    addresses.push(...read.omitted.addresses)
    omittedCount += read.omitted.stems
    if (read.stems.length > 0 || found.originUrl === null) found = read
    if (read.stems.length > 0) break
  }
  reportOmitted({ stems: omittedCount, addresses }, context)
  return found
}
