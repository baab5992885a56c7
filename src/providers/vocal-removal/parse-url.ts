import { containsCallbackAddress } from '../../separation/callback/callback-address.ts'

/** The maximum length of a URL, in characters: more than every browser and server accepts. */
const maxUrlLength = 4_096

/**
 * Reads the URL of an audio file and encodes raw spaces; null if it is absent. Empty text means absent
 * (`docs/providers.md, "Answers"`). A URL without a scheme is https. A URL that is not http(s), is too long, or contains
 * our callback URL is omitted: calls `onOmitted` and returns null.
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
