import { type Answer, badResponse, dataOf, failureOf, unreachable } from './answer.ts'
import { type Credential, headersOf } from './credential.ts'
import { StemgateError } from './errors.ts'
import type { OperationText } from './operation-texts.ts'
import { createDeadline, unlessAborted } from './wait.ts'

export interface PostOptions {
  readonly url: string
  readonly credential: Credential
  readonly timeoutMs: number
}

/** Sends an operation once, or twice if the gateway refused the token of the first. Throws StemgateError. */
export async function post<T, V>(
  { url, credential, timeoutMs }: PostOptions,
  { text }: OperationText<T, V>,
  variables: V,
  signal: AbortSignal | undefined,
): Promise<T> {
  const body = JSON.stringify({ query: text, variables })

  async function send(token: string | null): Promise<T> {
    const deadline = createDeadline(timeoutMs, signal)
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', ...headersOf(token) },
        body,
        signal: deadline.signal,
      })
      if (!response.ok) throw await failureOf(response)
      return dataOf(parse<T>(await response.text()))
    } catch (error) {
      signal?.throwIfAborted()
      throw error instanceof StemgateError ? error : unreachable(error)
    } finally {
      deadline.end()
    }
  }

  const token = await unlessAborted(signal, credential.current())
  try {
    return await send(token)
  } catch (error) {
    const isRefused = error instanceof StemgateError && error.code === 'UNAUTHENTICATED'
    if (!isRefused || !(await unlessAborted(signal, credential.renew(token)))) throw error
    return send(await credential.current())
  }
}

function parse<T>(text: string): Answer<T> {
  try {
    const answer: Answer<T> = JSON.parse(text)
    return answer
  } catch {
    throw badResponse('It is not JSON.')
  }
}
