import { Agent } from 'undici'
import type { Timers } from './timers.ts'

/** A callback to deliver. */
export interface Delivery {
  readonly url: string
  readonly body: unknown
  /** Identifies the task in the log. */
  readonly task: string
  /** Called once, with whether the receiver answered HTTP 200. Not called after the sandbox is closed. */
  readonly onEnd: (delivered: boolean) => void
}

export interface Callbacks {
  send(delivery: Delivery): void
  /** Aborts the deliveries in flight. Does not stop `timers`, on which retries wait. */
  close(): Promise<void>
}

export interface CallbacksOptions {
  /** The timeout of an answer, in milliseconds. */
  readonly timeoutMs: number
  /** The delay before each retry, in milliseconds. */
  readonly retryDelaysMs: readonly number[]
  readonly timers: Timers
  readonly log: (message: string, detail: Record<string, unknown>) => void
}

/** The class or code of an error, without its message, which may contain the URL. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** Posts callbacks as JSON. Follows no redirects. A callback is delivered when the answer is HTTP 200. */
export function createCallbacks({ timeoutMs, retryDelaysMs, timers, log }: CallbacksOptions): Callbacks {
  // Uses no connection twice: a callback must not fail because an idle connection was closed.
  const agent = new Agent({ pipelining: 0 })
  const inFlight = new Set<Promise<void>>()
  let closed = false

  /** Returns null if the callback was delivered, else the reason. */
  async function post(url: string, body: unknown): Promise<string | null> {
    try {
      const { origin, pathname, search } = new URL(url)
      const response = await agent.request({
        origin,
        path: `${pathname}${search}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'Stemgate-Sandbox/1' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      })
      await response.body.dump()
      return response.statusCode === 200 ? null : `HTTP ${response.statusCode}`
    } catch (error) {
      return nameOf(error)
    }
  }

  async function attemptDelivery(delivery: Delivery, attempt: number): Promise<void> {
    const reason = await post(delivery.url, delivery.body)
    if (closed) return
    if (reason === null) {
      delivery.onEnd(true)
      return
    }
    const delayMs = retryDelaysMs[attempt - 1]
    const { host } = new URL(delivery.url)
    log('the sandbox could not deliver a callback', {
      event: 'sandbox.callback-not-delivered',
      task: delivery.task,
      host,
      attempt,
      reason,
      last: delayMs === undefined,
    })
    if (delayMs === undefined) delivery.onEnd(false)
    else timers.at(Date.now() + delayMs, () => start(delivery, attempt + 1))
  }

  function start(delivery: Delivery, attempt: number): void {
    const running = attemptDelivery(delivery, attempt).finally(() => inFlight.delete(running))
    inFlight.add(running)
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
