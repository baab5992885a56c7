import { buildConnector, Client } from 'undici'
import { createGuardedLookup, PrivateAddressError, type Resolve } from '../addresses/guarded-lookup.ts'
import type { Permission } from '../addresses/allowed-address.ts'

/** What came of a POST. */
export type PostOutcome =
  /** `retryAfter`: the header of that name; null if there is none. */
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | null }
  /** No answer came within the time. */
  | { readonly kind: 'timeout' }
  /** The host has no public address, or the connection failed. `code`: such as ECONNREFUSED. */
  | { readonly kind: 'not-allowed' }
  | { readonly kind: 'unreachable'; readonly code: string }
  /** The gateway stops. */
  | { readonly kind: 'stopped' }

export interface PostMessage {
  readonly url: URL
  /** See `AddressRule`. */
  readonly permission: Exclude<Permission, null>
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** For everything, from the look-up of the name to the status of the answer, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** How host names are resolved. */
  readonly resolve?: Resolve | undefined
}

/**
 * Sends a POST over a connection of its own, which is closed as soon as the status of the answer is known: nothing else of the
 * answer is read. Follows no redirect. Never rejects.
 */
export async function postMessage(post: PostMessage): Promise<PostOutcome> {
  const { url, permission, headers, body, timeoutMs, signal, resolve } = post
  if (signal.aborted) return { kind: 'stopped' }
  const ending = new AbortController()
  const end = () => ending.abort()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    end()
  }, timeoutMs)
  signal.addEventListener('abort', end, { once: true })
  const lookup = permission === 'public' ? { lookup: createGuardedLookup(resolve) } : {}
  const client = new Client(url.origin, {
    connect: buildConnector({ ...lookup, timeout: timeoutMs, allowH2: false }),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })
  try {
    const answer = await client.request({
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      headers,
      body,
      signal: ending.signal,
    })
    // An error without a listener ends the process.
    answer.body.on('error', () => {})
    const retryAfter = answer.headers['retry-after']
    return {
      kind: 'answered',
      status: answer.statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    }
  } catch (error) {
    if (isLate) return { kind: 'timeout' }
    if (signal.aborted) return { kind: 'stopped' }
    if (error instanceof PrivateAddressError) return { kind: 'not-allowed' }
    return { kind: 'unreachable', code: codeOf(error) }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
    client.destroy().catch(() => {})
  }
}

/** The code of an error of a socket, of TLS or of undici. Its text may contain the address, which may hold a secret. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
