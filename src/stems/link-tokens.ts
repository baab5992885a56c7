import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto'
import { derived } from '../runtime/derived.ts'

/** In characters. */
export const tokenLength = 43

/** Makes and verifies the tokens of one kind of link. */
export interface LinkTokens {
  sign(subject: string): string
  /** @param token has `tokenLength` characters */
  verify(subject: string, token: string): boolean
}

/**
 * Tokens are HMACs, with keys derived from the secrets for this purpose alone: those of one purpose verify for no other.
 * @param secrets the first signs, all are accepted
 */
export function createLinkTokens(secrets: () => readonly string[], purpose: string): LinkTokens {
  const keys = derived(secrets, (list) =>
    list.map((secret) => createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)))),
  )
  const tokenOf = (key: KeyObject, subject: string) => createHmac('sha256', key).update(subject).digest('base64url')

  return {
    sign(subject) {
      const [signing] = keys()
      if (signing === undefined) throw new TypeError('Links need a secret.')
      return tokenOf(signing, subject)
    },
    verify(subject, token) {
      const given = Buffer.from(token)
      // Compares with every key, so that the duration does not show which one matches.
      const matches = keys().map((key) => timingSafeEqual(Buffer.from(tokenOf(key, subject)), given))
      return matches.includes(true)
    },
  }
}
