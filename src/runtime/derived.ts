/**
 * What is derived from a value that may be replaced: computed at the first call, and again once `read` returns another value.
 */
export function derived<T, R>(read: () => T, derive: (value: T) => R): () => R {
  let last: { readonly value: T; readonly result: R } | null = null
  return () => {
    const value = read()
    if (last === null || last.value !== value) last = { value, result: derive(value) }
    return last.result
  }
}
