import { Agent } from 'undici'
import { limitInformational, maxAnswerBytes, readHttpAnswer, type HttpAnswer } from './http-answer.ts'
import type { ReadRate } from './rates.ts'

/** GETs at a steady pace over connections that are kept. */
export interface RateLimitedReader {
  /** Waits for its turn, calls `onSlot`, then asks. Rejects if nothing was answered. */
  get(url: URL, headers: Record<string, string>, onSlot?: () => void): Promise<HttpAnswer>
  /** Ends everything that is under way or waits. */
  close(): Promise<void>
}

/** A reader of its own for one provider. `timeoutMs` is for each whole read, from the moment of connecting. */
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
      if (closed) throw new Error('we are closing')
      const ending = new AbortController()
      const end = (reason: string) => ending.abort(new Error(reason))
      // Not AbortSignal.any with a timeout: Node 20 lets the garbage collector take that one before its time.
      const timer = setTimeout(end, timeoutMs, `no whole answer came within ${timeoutMs} ms`)
      const { origin, pathname, search } = url
      try {
        return await readHttpAnswer(
          await agent.request({
            origin,
            path: `${pathname}${search}`,
            method: 'GET',
            headers,
            signal: ending.signal,
            onInfo: limitInformational(end),
          }),
        )
      } finally {
        clearTimeout(timer)
      }
    },
    async close() {
      closed = true
      // Whoever waits for a place is let through, to find the reader closed, instead of holding the process up.
      rate.stop()
      await agent.destroy(new Error('we are closing'))
    },
  }
}
