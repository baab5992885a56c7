/** Resolves to the promise's value, or to null after `ms` milliseconds. */
export function withTimeout<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms, null)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
