import type { Outcome, Told } from '../separation/report.ts'
import { messageLength } from './clean-text.ts'
import { objectField } from './fields.ts'
import { readEnvelope } from './read-envelope.ts'
import type { Reading } from './read-record-info.ts'
import { noStems, readStems, type StemsRead } from './read-stems.ts'
import { readTaskId, type NamedId } from './read-task-id.ts'

/** The provider's id of the task that a callback's body names. */
export function readCallbackId(body: unknown): NamedId {
  return readTaskId(readEnvelope(body)?.data)
}

/**
 * Reads a callback's body (`kie-callbacks.txt`, `apikley-generate-and-callback.txt`), in either envelope. A code other than
 * 200 is a failure, unless the body names audio. null if it has no id, or neither a code nor audio.
 */
export function readCallbackBody(body: unknown, reading: Reading): Told | null {
  const envelope = readEnvelope(body)
  const named = readCallbackId(body)
  if (envelope === null || named.kind !== 'kept') return null
  const found = readInfo(objectField.parse(envelope.data) ?? {}, reading)
  if (envelope.code === null && found.stems.length === 0) return null

  const isSuccess = envelope.code === 200 || found.stems.length > 0
  const message = reading.clean(envelope.msg ?? '', messageLength)
  const outcome: Outcome = isSuccess
    ? { state: 'succeeded', stems: found.stems, completedAtMs: null }
    : {
        state: 'failed',
        code: 'GENERATION_FAILED',
        providerCode: envelope.code,
        message: message === '' ? 'The provider could not separate the track.' : message,
        completedAtMs: null,
      }
  const { type, originUrl } = found
  return {
    kind: 'told',
    by: 'callback',
    providerTaskId: named.id,
    outcome,
    type,
    audioId: null,
    musicId: null,
    originUrl,
  }
}

/** The names of the envelope that are documented, then any other that looks like one. */
function readInfo(data: Record<string, unknown>, { onDropped }: Reading): StemsRead {
  const others = Object.keys(data).filter((key) => key.endsWith('_info'))
  const keys = new Set(['vocal_separation_info', 'vocal_removal_info', ...others])
  let found = noStems
  for (const key of keys) {
    const read = readStems(data[key], onDropped)
    if (read.stems.length > 0) return read
    if (found.originUrl === null) found = read
  }
  return found
}
