import { buildConnector, Client } from 'undici'
import { limitInformational, maxAnswerBytes, readHttpAnswer, type HttpAnswer } from './http-answer.ts'
import { describeError } from '../../runtime/describe-error.ts'

/** The outcome of a request that must never be sent twice. */
export type Sent =
  | { readonly kind: 'answered'; readonly answer: HttpAnswer }
  /** No connection was established, so nothing was sent. */
  | { readonly kind: 'not-sent'; readonly cause: string }
  /** A connection was established, but no answer arrived. The provider may have accepted the request. */
  | { readonly kind: 'no-answer'; readonly cause: string }

/** One JSON request. Times are milliseconds; `answerTimeoutMs` limits the whole answer, from the connection on. */
export interface Post {
  readonly url: URL
  readonly headers: Record<string, string>
  readonly body: unknown
  readonly connectTimeoutMs: number
  readonly answerTimeoutMs: number
  /** Aborts the request. */
  readonly signal: AbortSignal
}

/**
 * Ends a connection that is no longer needed. One error for all, because each new one would capture a stack. The request does
 * not ask the provider to close: undici would then end the connection with an error of its own, stack included.
 */
const finished = new Error('the request has ended')

/**
 * Posts at most once: one request on a new connection, which is then closed. Nothing is retried and no redirect is
 * followed. undici may not reconnect if the connection closes before the request is written. Never throws.
 */
export async function postOnce(post: Post): Promise<Sent> {
  if (post.signal.aborted) return { kind: 'not-sent', cause: 'the gateway is stopping' }
  let connected = false
  let deadline: NodeJS.Timeout | undefined
  let client: Client | undefined
  const destroy = (cause: Error): void => void client?.destroy(cause).catch(() => {})
  const end = (reason: string): void => destroy(new Error(reason))
  const stop = (): void => end('the gateway aborted the request')
  const expire = (): void => end('the answer was not complete in time')
  try {
    const connect = buildConnector({ timeout: post.connectTimeoutMs, allowH2: false })
    const opened = new Client(post.url.origin, {
      connect(options, callback) {
        if (connected) return callback(new Error('the connection closed before the request was sent'), null)
        connect(options, (...[error, socket]: Parameters<typeof callback>) => {
          if (error !== null) return callback(error, null)
          if (!opened.destroyed) {
            connected = true
            deadline = setTimeout(expire, post.answerTimeoutMs)
          }
          callback(null, socket)
        })
      },
      headersTimeout: post.answerTimeoutMs,
      bodyTimeout: post.answerTimeoutMs,
      maxResponseSize: maxAnswerBytes,
    })
    client = opened
    post.signal.addEventListener('abort', stop, { once: true })
    const response = await opened.request({
      method: 'POST',
      path: `${post.url.pathname}${post.url.search}`,
      headers: { ...post.headers, 'content-type': 'application/json' },
      body: JSON.stringify(post.body),
      onInfo: limitInformational(end),
    })
    return { kind: 'answered', answer: await readHttpAnswer(response) }
  } catch (error) {
    return { kind: connected ? 'no-answer' : 'not-sent', cause: describeError(error) }
  } finally {
    clearTimeout(deadline)
    post.signal.removeEventListener('abort', stop)
    destroy(finished)
  }
}
