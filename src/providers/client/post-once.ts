import { buildConnector, Client } from 'undici'
import { limitInformational, maxAnswerBytes, readHttpAnswer, type HttpAnswer } from './http-answer.ts'
import { describeError } from '../../runtime/describe-error.ts'

/** What became of a request that must never be made twice. */
export type Sent =
  | { readonly kind: 'answered'; readonly answer: HttpAnswer }
  /** No connection was ever made, so nothing was sent. */
  | { readonly kind: 'not-sent'; readonly cause: string }
  /** There was a connection and no answer: what became of the request cannot be known. */
  | { readonly kind: 'no-answer'; readonly cause: string }

/** One JSON request. Times in milliseconds; `answerTimeoutMs` is for the whole answer, from the moment of connecting. */
export interface Post {
  readonly url: URL
  readonly headers: Record<string, string>
  readonly body: unknown
  readonly connectTimeoutMs: number
  readonly answerTimeoutMs: number
  /** Ends the request at once. */
  readonly signal: AbortSignal
}

/**
 * Posts exactly once: one request on one fresh connection, which is closed afterwards. Nothing is retried, no redirect is
 * followed, and undici is not let connect anew if the connection dies before the request is written. Never throws.
 */
export async function postOnce(post: Post): Promise<Sent> {
  if (post.signal.aborted) return { kind: 'not-sent', cause: 'we are closing' }
  let connected = false
  let deadline: NodeJS.Timeout | undefined
  let client: Client | undefined
  const end = (reason: string): void => void client?.destroy(new Error(reason)).catch(() => {})
  const stop = (): void => end('the request was ended by us')
  const expire = (): void => end('no whole answer came in time')
  try {
    const connect = buildConnector({ timeout: post.connectTimeoutMs, allowH2: false })
    const opened = new Client(post.url.origin, {
      connect(options, callback) {
        if (connected) return callback(new Error('the connection was lost before the request was sent'), null)
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
      reset: true,
      onInfo: limitInformational(end),
    })
    return { kind: 'answered', answer: await readHttpAnswer(response) }
  } catch (error) {
    return { kind: connected ? 'no-answer' : 'not-sent', cause: describeError(error) }
  } finally {
    clearTimeout(deadline)
    post.signal.removeEventListener('abort', stop)
    end('done')
  }
}
