/** An abort signal that also aborts when nothing has happened for some time. */
export interface Deadline {
  readonly signal: AbortSignal
  /** Something has happened. */
  extend(): void
  /** Aborts what is left, and holds nothing any more. */
  end(): void
}

/** @param timeoutMs after how long `signal` aborts, in milliseconds */
export function createDeadline(timeoutMs: number, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController()
  const abort = () => controller.abort(outer?.reason)
  const expire = () => controller.abort(new Error(`Nothing came for ${timeoutMs} ms.`))
  let timer = setTimeout(expire, timeoutMs)
  if (outer?.aborted === true) abort()
  outer?.addEventListener('abort', abort)
  return {
    signal: controller.signal,
    extend() {
      clearTimeout(timer)
      timer = setTimeout(expire, timeoutMs)
    },
    end() {
      clearTimeout(timer)
      outer?.removeEventListener('abort', abort)
      controller.abort()
    },
  }
}

/** The promise, but rejects at once when the signal aborts. */
export function unlessAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason)
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', abort))
    if (signal?.aborted === true) abort()
    signal?.addEventListener('abort', abort)
  })
}

/** Resolves after some time, in milliseconds. Rejects when the signal aborts. */
export function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    const abort = () => {
      end()
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      end()
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort)
  })
}
