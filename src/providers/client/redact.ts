import { redactCallbackPaths, redactCallbackTokens } from '../../separation/callback/callback-address.ts'

/** The maximum length of a provider's message that is quoted in one of ours, in characters. */
export const quoteLength = 200
/** The maximum length of a provider's error message, in characters. */
export const messageLength = 500

/** Control and format characters, lone surrogates, line and paragraph separators. */
export const unprintableCharacters = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu
/** URLs of any scheme: a URL that must not be followed must not be shown either. */
const addresses =
  /(?:[a-z][a-z0-9+.-]{0,20}(?::|%3a)(?:\\?\/|%2f){2}|\b(?:javascript:|vbscript:|blob:http|data:[\w.+-]*[;/,]))[^\s"'<>]*/gi
/** Replaces a URL that was removed. */
export const redactedAddress = '[address]'
const minTokenLength = 16

/** Makes a provider's text safe to show: truncates it to `limit`, and removes control characters, URLs and secrets. */
export type Redact = (text: string, limit: number, callbackUrl?: string | null) => string

/**
 * Creates the redaction for one provider. It removes `secrets`, the callback URL, and every part of its path that is long
 * enough to be a token. It removes all other URLs as well: a callback's text may contain our callback URL, which is not
 * known there.
 */
export function createRedact(secrets: () => Iterable<string>): Redact {
  return (text, limit, callbackUrl = null) => {
    let redacted = text.replace(unprintableCharacters, ' ')
    for (const secret of [...secrets(), ...secretsInAddress(callbackUrl)]) {
      if (secret !== '') redacted = redacted.replaceAll(secret, '[removed]')
    }
    redacted = redactCallbackTokens(redactAddresses(redacted), '[removed]').replace(/\s+/gu, ' ').trim()
    return redacted.length <= limit ? redacted : `${truncate(redacted, limit - 1)}…`
  }
}

/** Removes every URL from the text. */
export function redactAddresses(text: string): string {
  return redactCallbackPaths(text.replace(addresses, redactedAddress), redactedAddress)
}

function secretsInAddress(url: string | null): readonly string[] {
  if (url === null) return []
  const path = URL.canParse(url) ? new URL(url).pathname.split(/[/.]/) : []
  return [url, ...path.filter((part) => part.length >= minTokenLength)]
}

/** Truncates a text to at most `limit` UTF-16 units, without splitting a surrogate pair. */
export function truncate(text: string, limit: number): string {
  return text.slice(0, limit).replace(/\p{Cs}$/u, '')
}
