import { RateLimiterMemory, RateLimiterQueue } from 'rate-limiter-flexible'
import { Agent } from 'undici'
import { maxAnswerBytes, readHttpAnswer, type HttpAnswer } from './http-answer.ts'

/** GETs at a steady pace over connections that are kept. */
export interface PacedReader {
  /** Waits for its place, then asks. Rejects if nothing was answered. */
  get(url: URL, headers: Record<string, string>): Promise<HttpAnswer>
  /** Ends everything that is under way or waits. */
  close(): Promise<void>
}

const shortestIntervalSeconds = 0.02

/** A reader of its own for one provider. `timeoutMs` is for each read's whole answer. */
export function createPacedReader(options: {
  readonly readsPerSecond: number
  readonly connectTimeoutMs: number
  readonly timeoutMs: number
}): PacedReader {
  const { readsPerSecond, connectTimeoutMs, timeoutMs } = options
  // A place every tenth of a second, not ten places every second: two bursts may else meet within one of the provider's seconds.
  const points = Math.max(1, Math.floor(readsPerSecond * shortestIntervalSeconds))
  const limiter = new RateLimiterMemory({ points, duration: points / readsPerSecond })
  const places = new RateLimiterQueue(limiter)
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxAnswerBytes,
  })
  let closed = false

  return {
    async get(url, headers) {
      if (!closed) await places.removeTokens(1)
      if (closed) throw new Error('we are closing')
      const signal = AbortSignal.timeout(connectTimeoutMs + timeoutMs)
      const { origin, pathname, search } = url
      return readHttpAnswer(
        await agent.request({ origin, path: `${pathname}${search}`, method: 'GET', headers, signal }),
      )
    },
    async close() {
      closed = true
      // Whoever waits for a place is let through, to find the reader closed, instead of holding the process up.
      limiter.points = Number.MAX_SAFE_INTEGER
      await agent.destroy(new Error('we are closing'))
    },
  }
}
