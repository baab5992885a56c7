/** True at most once in `pauseMs`, however the clock is set. */
export function createPause(pauseMs: number): () => boolean {
  let lastMs = -Infinity
  return function isOver() {
    if (Math.abs(Date.now() - lastMs) < pauseMs) return false
    lastMs = Date.now()
    return true
  }
}
