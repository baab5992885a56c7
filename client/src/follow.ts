import { type Answer, dataOf } from './answer.ts'
import type { Credential } from './credential.ts'
import { StemgateError } from './errors.ts'
import { backoffMs } from './retry.ts'
import { wait } from './wait.ts'

export interface FollowOptions<T> {
  readonly credential: Credential
  readonly signal: AbortSignal
  /** Opens the subscription with a token. */
  readonly open: (token: string | null) => AsyncIterable<Answer<T>>
  /** Told of every interruption. */
  readonly onInterrupted: ((error: StemgateError) => void) | undefined
}

/**
 * Everything that a subscription sends until it completes. Opens it again after every interruption, for as long as it takes.
 * Throws when the gateway refuses it, or the signal aborts.
 */
export async function* follow<T>({ credential, signal, open, onInterrupted }: FollowOptions<T>): AsyncGenerator<T> {
  let failures = 0
  let token: string | null = null
  /** The gateway has refused the token. */
  let refusal: StemgateError | null = null
  let isRenewed = false
  for (;;) {
    try {
      if (refusal !== null && !(await credential.renew(token))) throw refusal
      isRenewed ||= refusal !== null
      refusal = null
      token = await credential.current()
      for await (const answer of open(token)) {
        const data = dataOf(answer)
        failures = 0
        isRenewed = false
        yield data
      }
      return
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof StemgateError)) throw error
      // A new token is asked for once. If that is refused as well, the caller is told.
      if (error.code === 'UNAUTHENTICATED' && !isRenewed && refusal === null) {
        refusal = error
        continue
      }
      if (!error.retryable) throw error
      onInterrupted?.(error)
      await wait(backoffMs(failures++, error), signal)
    }
  }
}
