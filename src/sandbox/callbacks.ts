import { Agent, request } from 'undici'
import type { Timers } from './timers.ts'

/** A callback that is to be delivered. */
export interface Delivery {
  readonly url: string
  readonly body: unknown
  /** Names the task in the log. */
  readonly task: string
  /** Told once: whether somebody answered with HTTP 200. Not told when the sandbox is closed meanwhile. */
  readonly onEnd: (delivered: boolean) => void
}

export interface Callbacks {
  send(delivery: Delivery): void
  /** Drops the deliveries in flight. Those that wait to be tried again wait on timers, which are stopped elsewhere. */
  close(): Promise<void>
}

export interface CallbacksOptions {
  /** How long an answer may take, in ms. */
  readonly timeoutMs: number
  /** The pauses before each further try, in ms. */
  readonly retryPausesMs: readonly number[]
  readonly timers: Timers
  readonly log: (message: string, detail: Record<string, unknown>) => void
}

/** The class or code of an error. Its message may hold the URL, so it is left out. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** Posts callbacks: JSON, redirects not followed, done when the answer is HTTP 200. */
export function createCallbacks({ timeoutMs, retryPausesMs, timers, log }: CallbacksOptions): Callbacks {
  // No connection is used twice: a callback must not fail because an idle connection has died.
  const agent = new Agent({ pipelining: 0 })
  const inFlight = new Set<Promise<void>>()
  let closed = false

  /** Null when it was taken, else why not. */
  async function post(url: string, body: unknown): Promise<string | null> {
    try {
      const response = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'Stemgate-Sandbox/1' },
        body: JSON.stringify(body),
        dispatcher: agent,
        signal: AbortSignal.timeout(timeoutMs),
      })
      await response.body.dump()
      return response.statusCode === 200 ? null : `HTTP ${response.statusCode}`
    } catch (error) {
      return nameOf(error)
    }
  }

  async function tryOnce(delivery: Delivery, attempt: number): Promise<void> {
    const reason = await post(delivery.url, delivery.body)
    if (closed) return
    if (reason === null) {
      delivery.onEnd(true)
      return
    }
    const pauseMs = retryPausesMs[attempt - 1]
    const { host } = new URL(delivery.url)
    log('sandbox callback was not taken', { task: delivery.task, host, attempt, reason, last: pauseMs === undefined })
    if (pauseMs === undefined) delivery.onEnd(false)
    else timers.at(Date.now() + pauseMs, () => start(delivery, attempt + 1))
  }

  function start(delivery: Delivery, attempt: number): void {
    const trying = tryOnce(delivery, attempt).finally(() => inFlight.delete(trying))
    inFlight.add(trying)
  }

  return {
    send: (delivery) => start(delivery, 1),
    async close() {
      closed = true
      await agent.destroy()
      await Promise.allSettled(inFlight)
    },
  }
}
