const name = 'stemgate:key'

/** The key of this tab; null if there is none. It is forgotten when the tab closes. */
export function readCredential(): string | null {
  return storage()?.getItem(name) ?? null
}

/** Keeps the key for this tab alone; null forgets it. */
export function keepCredential(credential: string | null): void {
  if (credential === null) storage()?.removeItem(name)
  else storage()?.setItem(name, credential)
}

/** The storage of this tab; null if the browser blocks it. */
export function storage(): Storage | null {
  try {
    return window.sessionStorage
  } catch {
    return null
  }
}
