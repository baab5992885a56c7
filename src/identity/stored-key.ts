import { hash } from 'node:crypto'
import type { CallerLimits } from '../separation/caller-limits.ts'
import { callAt } from './call-at.ts'
import type { ApiKey } from './parse-api-keys.ts'
import type { Session } from './session.ts'

/** A key that is in use. The key itself is not kept. */
export interface StoredKey {
  readonly name: string
  readonly digest: Buffer
  readonly session: Session
  /** Whether the time of the key is over. */
  hasExpired(): boolean
  /** Changes what the key allows and when it ends. Its session goes on. */
  change(terms: KeyTerms): void
  /** Ends the session. */
  end(): void
}

/** What a key allows, and until when. */
export type KeyTerms = Pick<ApiKey, 'limits' | 'expiresAtMs'>

export interface StoredKeyOptions {
  /** The limits that apply now to a caller that is given these. */
  readonly appliedLimits: (limits: CallerLimits) => () => CallerLimits
  /** Called when the key is used, with its `fingerprintOf`. */
  readonly onUse: (owner: string, fingerprint: string) => void
  /** Called when the time of the key is over. */
  readonly onExpired: (name: string) => void
}

export function createStoredKey(
  { name, key, ...first }: ApiKey,
  { appliedLimits, onUse, onExpired }: StoredKeyOptions,
): StoredKey {
  const owner = `key:${name}`
  const fingerprint = fingerprintOf(key)
  let terms: KeyTerms = first
  let limits = appliedLimits(first.limits)
  /** null once the key was removed or has expired. */
  let listeners: Set<() => void> | null = new Set()
  let cancelExpiry = awaitExpiry()

  function hasExpired(): boolean {
    return terms.expiresAtMs !== null && Date.now() >= terms.expiresAtMs
  }

  function awaitExpiry(): () => void {
    if (terms.expiresAtMs === null) return () => {}
    return callAt(terms.expiresAtMs, () => {
      onExpired(name)
      end()
    })
  }

  function end(): void {
    cancelExpiry()
    const current = listeners ?? []
    listeners = null
    for (const listener of current) listener()
  }

  return {
    name,
    digest: digestOf(key),
    hasExpired,
    end,
    change(next) {
      cancelExpiry()
      terms = next
      limits = appliedLimits(next.limits)
      cancelExpiry = awaitExpiry()
    },
    session: {
      owner,
      use: () => onUse(owner, fingerprint),
      limits: () => limits(),
      hasEnded: () => listeners === null || hasExpired(),
      onEnd(listener) {
        if (listeners === null) listener()
        else listeners.add(listener)
        return () => void listeners?.delete(listener)
      },
    },
  }
}

/** What tells the keys of a caller apart for the operator: the first 8 hexadecimal digits of the SHA-256. */
export function fingerprintOf(key: string): string {
  return hash('sha256', key, 'hex').slice(0, 8)
}

export function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}
