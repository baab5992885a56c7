/**
 * An address of audio, its raw spaces encoded; null if it is absent. Empty text means absent (`kie-callbacks.txt`).
 * Anything else than http(s) is no address for a client: `onDropped` is called, and null returned.
 */
export function readUrl(value: unknown, onDropped: () => void): string | null {
  if (typeof value !== 'string' || value.trim() === '') return null
  const url = URL.canParse(value.trim()) ? new URL(value.trim()) : null
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url.href
  onDropped()
  return null
}
