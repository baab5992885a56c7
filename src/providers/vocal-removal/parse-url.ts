import { containsCallbackAddress } from '../client/redact.ts'

/** The longest address that is kept, in characters: more than any browser or server is sure to take. */
const maxUrlLength = 4_096

/**
 * An address of audio, its raw spaces encoded; null if it is absent. Empty text means absent (`kie-callbacks.txt`). One
 * without a scheme is https. What is no plain http(s) address, or too long, is none for a client, nor is our own:
 * `onOmitted` is called, and null returned.
 */
export function parseUrl(value: unknown, onOmitted: () => void): string | null {
  if (typeof value !== 'string' || value.trim() === '') return null
  const text = value.trim().replace(/^\/\//, 'https://')
  const url = URL.canParse(text) ? new URL(text) : null
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (isHttp && url.href.length <= maxUrlLength && !containsCallbackAddress(url.href)) return url.href
  onOmitted()
  return null
}
