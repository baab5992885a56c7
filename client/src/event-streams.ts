import { type Answer, badResponse, failureOf, unreachable } from './answer.ts'
import { headersOf } from './credential.ts'
import { StemgateError } from './errors.ts'
import type { OperationText } from './operation-texts.ts'
import { createDeadline } from './wait.ts'

/** Where subscriptions are opened. */
export interface Address {
  readonly url: string
  /** How long the gateway may be silent, in milliseconds. It sends a sign of life every 12 seconds. */
  readonly timeoutMs: number
}

/** A subscription to open, with the token to open it with. */
export interface SubscriptionRequest<T> {
  readonly token: string | null
  readonly operation: OperationText<T, never>
  readonly variables: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal
}

/**
 * Opens a subscription, once. Ends when the gateway has completed it. Throws StemgateError in all other cases, with the code
 * UNAUTHENTICATED if the token is refused or has expired.
 */
export type Subscribe = <T>(request: SubscriptionRequest<T>) => AsyncIterable<Answer<T>>

/** A way in which updates arrive. */
export type Transport = (address: Address) => Subscribe

/** Server-sent events, read with fetch: the protocol of graphql-sse ("distinct connections mode"). A stream for each subscription. */
export const eventStreams: Transport = ({ url, timeoutMs }) =>
  async function* subscribe<T>(request: SubscriptionRequest<T>): AsyncGenerator<Answer<T>> {
    const { token, operation, variables, signal } = request
    const deadline = createDeadline(timeoutMs, signal)
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headersOf(token) },
        body: JSON.stringify({ query: operation.text, variables }),
        signal: deadline.signal,
      })
      if (!response.ok) throw await failureOf(response)
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
      if (response.body === null || !isStream) throw badResponse('It is not an event stream.')
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      let rest = ''
      for (;;) {
        const { done, value } = await reader.read()
        if (done) throw unreachable(new Error('The stream was cut off.'))
        deadline.extend()
        const events = (rest + value).split(/\r?\n\r?\n/)
        rest = events.pop() ?? ''
        for (const event of events) {
          // Not by `^` and `$`: they also match at the separators U+2028 and U+2029, which a text may contain.
          const lines = event.split(/\r?\n/)
          if (lines.some((line) => /^event: ?complete$/.test(line))) return
          const data = lines.find((line) => line.startsWith('data:'))?.slice('data:'.length)
          if (data === undefined) continue
          const answer: Answer<T> = JSON.parse(data)
          yield answer
        }
      }
    } catch (error) {
      signal.throwIfAborted()
      throw error instanceof StemgateError ? error : unreachable(error)
    } finally {
      deadline.end()
    }
  }
