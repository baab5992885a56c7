import type { Dispatcher } from 'undici'
import { describeError } from '../../runtime/describe-error.ts'

/** How much of an answer's body is read, in bytes. */
export const maxAnswerBytes = 1_048_576

/** How many answers of status 1xx, which only announce one, may come before it. */
const maxInformational = 10

/** Counts what only announces an answer; `end` is called with the reason once it is too much. */
export function limitInformational(end: (reason: string) => void): () => void {
  let count = 0
  return () => {
    count += 1
    if (count === maxInformational + 1) end('an answer was announced again and again, and did not come')
  }
}

/** An HTTP answer, its body read to its end or not at all. */
export interface HttpAnswer {
  readonly status: number
  readonly retryAfter: string | null
  /** null if it broke off, stalled or was too long. */
  readonly body: string | null
  /** Why there is no body. */
  readonly problem: string | null
}

/** Reads what follows an answer's headers. Never throws. */
export async function readHttpAnswer(response: Dispatcher.ResponseData): Promise<HttpAnswer> {
  const header = response.headers['retry-after']
  const head = { status: response.statusCode, retryAfter: typeof header === 'string' ? header : null }
  try {
    return { ...head, body: await response.body.text(), problem: null }
  } catch (error) {
    return { ...head, body: null, problem: `its body could not be read: ${describeError(error)}` }
  }
}
