import { Agent } from 'undici'
import { announcementLimit, maxAnswerBytes, readHttpAnswer, type HttpAnswer } from './http-answer.ts'
import type { ReadPace } from './rates.ts'

/** GETs at a steady pace over connections that are kept. */
export interface PacedReader {
  /** Waits for its turn, calls `onTurn`, then asks. Rejects if nothing was answered. */
  get(url: URL, headers: Record<string, string>, onTurn?: () => void): Promise<HttpAnswer>
  /** Ends everything that is under way or waits. */
  close(): Promise<void>
}

/** A reader of its own for one provider. `timeoutMs` is for each whole read, from the moment of connecting. */
export function createPacedReader(options: {
  readonly pace: ReadPace
  readonly connectTimeoutMs: number
  readonly timeoutMs: number
}): PacedReader {
  const { pace, connectTimeoutMs, timeoutMs } = options
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxAnswerBytes,
  })
  let closed = false

  return {
    async get(url, headers, onTurn) {
      await pace.turn()
      onTurn?.()
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
            onInfo: announcementLimit(end),
          }),
        )
      } finally {
        clearTimeout(timer)
      }
    },
    async close() {
      closed = true
      // Whoever waits for a place is let through, to find the reader closed, instead of holding the process up.
      pace.stop()
      await agent.destroy(new Error('we are closing'))
    },
  }
}
