import { holdsCallbackAddress } from './clean-text.ts'

/**
 * An address of audio, its raw spaces encoded; null if it is absent. Empty text means absent (`kie-callbacks.txt`).
 * What is no plain http(s) address is none for a client, nor is our own: `onDropped` is called, and null returned.
 */
export function readUrl(value: unknown, onDropped: () => void): string | null {
  if (typeof value !== 'string' || value.trim() === '') return null
  const url = URL.canParse(value.trim()) ? new URL(value.trim()) : null
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (isHttp && !holdsCallbackAddress(url.href)) return url.href
  onDropped()
  return null
}
