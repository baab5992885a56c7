import { createAddressRule, type Permission } from '../addresses/allowed-address.ts'

/** Which URLs messages are sent to. */
export interface WebhookAddresses {
  /** How messages may be sent to the URL; null: not at all. */
  permissionOf(url: URL): Permission
  /** What is wrong with a URL, as a clause for its caller; null if messages may be sent to it. */
  mistakeIn(url: string): string | null
}

/** In characters. */
const maxLength = 2_000

/** @param allowedHosts `host` or `host:port`, in lower case: they may have private addresses, and need no TLS */
export function createWebhookAddresses(allowedHosts: readonly string[]): WebhookAddresses {
  const rule = createAddressRule(allowedHosts)

  function permissionOf(url: URL): Permission {
    const permission = rule.ofNamed(url)
    return permission === 'public' && url.protocol !== 'https:' ? null : permission
  }

  return {
    permissionOf,
    mistakeIn(text) {
      if (text.length > maxLength) return `must not be longer than ${maxLength} characters`
      if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return 'must be a URL that begins with https://'
      const url = new URL(text)
      if (url.username !== '' || url.password !== '') return 'must not contain a user name or a password'
      if (text.includes('#')) return 'must not contain #'
      if (permissionOf(url) !== null) return null
      return rule.ofNamed(url) === null ? 'must not lead to a private address' : 'must begin with https://'
    },
  }
}
