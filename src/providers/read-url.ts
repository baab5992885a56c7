import { holdsCallbackAddress } from './clean-text.ts'

const controlCharacter = /\p{Cc}/u

/**
 * An address of audio, its raw spaces encoded; null if it is absent. Empty text means absent (`kie-callbacks.txt`).
 * What is no plain http(s) address is none for a client, nor is our own: `onDropped` is called, and null returned.
 */
export function readUrl(value: unknown, onDropped: () => void): string | null {
  if (typeof value !== 'string' || value.trim() === '') return null
  const text = value.trim()
  const url = URL.canParse(text) && !controlCharacter.test(text) ? new URL(text) : null
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (isHttp && `${url.username}${url.password}` === '' && !holdsCallbackAddress(url.href)) return url.href
  onDropped()
  return null
}
