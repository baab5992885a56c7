/** The maximum delay of a Node timer, in milliseconds. */
const maxTimerMs = 2 ** 31 - 1

/** Calls the listener at a time in milliseconds since 1970. The returned function cancels the call. */
export function callAt(timeMs: number, listener: () => void): () => void {
  let timer: NodeJS.Timeout
  const wait = () => {
    const leftMs = timeMs - Date.now()
    timer = leftMs <= 0 ? setTimeout(listener) : setTimeout(wait, Math.min(leftMs, maxTimerMs))
    timer.unref()
  }
  wait()
  return () => clearTimeout(timer)
}
