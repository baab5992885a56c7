import * as z from 'zod'
import { anyField, codeField, parsedIfJson, textField } from './fields.ts'

/** The envelope of every answer and every callback. */
export interface Envelope {
  /** null if it is missing or not an integer. */
  readonly code: number | null
  readonly msg: string | null
  /** Parsed if it was JSON text. */
  readonly data: unknown
}

const envelope = z.object({ code: codeField, msg: textField, data: anyField })

/** Reads the envelope of a parsed body; null if the body is not an object. */
export function parseEnvelope(body: unknown): Envelope | null {
  const read = envelope.safeParse(body)
  return read.success ? { code: read.data.code, msg: read.data.msg, data: parsedIfJson(read.data.data) } : null
}

/** Reads the envelope of a body as text; null if the body is not a JSON object. */
export function parseEnvelopeText(text: string): Envelope | null {
  try {
    return parseEnvelope(JSON.parse(text))
  } catch {
    return null
  }
}
