/** How much of a provider's own words stands within a sentence of ours, in characters. */
export const quoteLength = 200
/** How much of a provider's error message is kept, in characters. */
export const messageLength = 500

/** Control and format characters, halves of characters, line and paragraph separators. */
export const unprintableCharacters = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu
/** Where we are called back: the host may be left out, the secret behind it may not be shown. */
const callbackPaths = /(?:\/|%2f)callbacks(?:\/|%2f)[^\s"'<>]+/gi
/** As long as a callback's token, and made of the same characters, with what may be sealed behind it. */
const tokenPattern = /(?<![\w-])[\w-]{43}(?:\.[\w-]{40,}|(?![\w-]))/g
/** Of any scheme: what should not be followed should not be shown either. */
const addresses =
  /(?:[a-z][a-z0-9+.-]{0,20}(?::|%3a)(?:\\?\/|%2f){2}|\b(?:javascript:|vbscript:|blob:http|data:[\w.+-]*[;/,]))[^\s"'<>]*/gi
/** One of ours, also within another: where it stands for an id or as the address of a file, it would be shown as it is. */
const callbackAddress = /callbacks(?:\/|%2f)[a-z]+(?:\/|%2f)sep_/i
/** Stands where an address was left out. */
export const redactedAddress = '[address]'
const minTokenLength = 16

/** Makes a provider's text fit to be shown: cut to a length, without control characters, addresses and secrets. */
export type Redact = (text: string, limit: number, callbackUrl?: string | null) => string

/**
 * Cleaning for one provider. `secrets` never pass, nor does the callback URL or any part of its path that is long enough
 * to be a token. Other addresses do not pass either: a callback's text may name our address, which is not known there.
 */
export function createRedact(secrets: readonly (string | null)[]): Redact {
  return (text, limit, callbackUrl = null) => {
    let redacted = text.replace(unprintableCharacters, ' ')
    for (const secret of [...secrets, ...secretsInAddress(callbackUrl)]) {
      if (secret !== null && secret !== '') redacted = redacted.replaceAll(secret, '[removed]')
    }
    redacted = redactAddresses(redacted).replace(tokenPattern, '[removed]').replace(/\s+/gu, ' ').trim()
    return redacted.length <= limit ? redacted : `${truncate(redacted, limit - 1)}…`
  }
}

/** The text with every address in it left out. */
export function redactAddresses(text: string): string {
  return text.replace(addresses, redactedAddress).replace(callbackPaths, redactedAddress)
}

function secretsInAddress(url: string | null): readonly string[] {
  if (url === null) return []
  const path = URL.canParse(url) ? new URL(url).pathname.split(/[/.]/) : []
  return [url, ...path.filter((part) => part.length >= minTokenLength)]
}

/** Whether a text tells the secret address of a task. */
export function containsCallbackAddress(text: string): boolean {
  return callbackAddress.test(text)
}

/** At most so many characters of a text, and no half of one. */
export function truncate(text: string, limit: number): string {
  return text.slice(0, limit).replace(/\p{Cs}$/u, '')
}
