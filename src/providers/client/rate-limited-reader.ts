import { Agent } from 'undici'
import { limitInformational, maxAnswerBytes, readHttpAnswer, type HttpAnswer } from './http-answer.ts'
import type { ReadRate } from './rates.ts'

/** Sends GET requests at the provider's rate, over kept-alive connections. */
export interface RateLimitedReader {
  /** Waits for a slot, calls `onSlot`, then sends the request. Rejects if there is no answer. */
  get(url: URL, headers: Record<string, string>, onSlot?: () => void): Promise<HttpAnswer>
  /** Ends all running and waiting requests. */
  close(): Promise<void>
}

/** Creates the reader of one provider. `timeoutMs` limits each read, including the connection. */
export function createRateLimitedReader(options: {
  readonly rate: ReadRate
  readonly connectTimeoutMs: number
  readonly timeoutMs: number
}): RateLimitedReader {
  const { rate, connectTimeoutMs, timeoutMs } = options
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxAnswerBytes,
  })
  let closed = false

  return {
    async get(url, headers, onSlot) {
      await rate.acquire()
      onSlot?.()
      if (closed) throw new Error('the gateway is stopping')
      const aborting = new AbortController()
      const end = (reason: string) => aborting.abort(new Error(reason))
      // Not AbortSignal.any with a timeout: Node 20 may collect that signal before it fires.
      const timer = setTimeout(end, timeoutMs, `the answer was not complete within ${timeoutMs} ms`)
      const { origin, pathname, search } = url
      try {
        return await readHttpAnswer(
          await agent.request({
            origin,
            path: `${pathname}${search}`,
            method: 'GET',
            headers,
            signal: aborting.signal,
            onInfo: limitInformational(end),
          }),
        )
      } finally {
        clearTimeout(timer)
      }
    },
    async close() {
      closed = true
      // Releases the waiting reads, which then see that the reader is closed, so that none delays the exit.
      rate.stop()
      await agent.destroy(new Error('the gateway is stopping'))
    },
  }
}
