import type { Dispatcher } from 'undici'
import { describeError } from '../../runtime/describe-error.ts'

/** The maximum length of a response body, in bytes. */
export const maxAnswerBytes = 1_048_576

/** The maximum number of informational responses (status 1xx) before the final one. */
const maxInformational = 10

/** Counts informational responses. Calls `end` with the reason when there are too many. */
export function limitInformational(end: (reason: string) => void): () => void {
  let count = 0
  return () => {
    count += 1
    if (count === maxInformational + 1)
      end(`more than ${maxInformational} informational responses came before the final one`)
  }
}

/** An HTTP response with its whole body, or none. */
export interface HttpAnswer {
  readonly status: number
  readonly retryAfter: string | null
  /** Its `Date`: the server's clock, rounded down to a second, in milliseconds since 1970. null: it has none. */
  readonly dateMs: number | null
  /** null if it was cut off, stalled or too long. */
  readonly body: string | null
  /** Why `body` is null; null if there is a body. */
  readonly problem: string | null
}

/** Reads the body of a response. Never throws. */
export async function readHttpAnswer(response: Dispatcher.ResponseData): Promise<HttpAnswer> {
  const { 'retry-after': retryAfter, date } = response.headers
  const dateMs = typeof date === 'string' ? Date.parse(date) : NaN
  const head = {
    status: response.statusCode,
    retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    dateMs: Number.isNaN(dateMs) ? null : dateMs,
  }
  try {
    return { ...head, body: await response.body.text(), problem: null }
  } catch (error) {
    return { ...head, body: null, problem: `its body could not be read: ${describeError(error)}` }
  }
}
