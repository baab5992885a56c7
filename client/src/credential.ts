import { unreachable } from './answer.ts'

/** An API key or a token, or a function that gets one. null: the gateway needs none. */
export type Token = string | null | (() => string | null | Promise<string | null>)

/** The token that is sent with each call. */
export interface Credential {
  current(): Promise<string | null>
  /**
   * Gets a new token because the gateway does not accept this one. Calls that fail at the same time share the new token.
   * @returns false if there is no other token
   */
  renew(refused: string | null): Promise<boolean>
}

/** @param timeoutMs after how long a function that gets a token has failed, in milliseconds */
export function createCredential(token: Token, timeoutMs: number): Credential {
  let held: Promise<string | null> | null = null

  function current(): Promise<string | null> {
    if (typeof token !== 'function') return Promise.resolve(token)
    if (held !== null) return held
    const asked = new Promise<string | null>((resolve, reject) => {
      const expire = () => reject(unreachable(new Error(`There was no token for ${timeoutMs} ms.`)))
      const timer = setTimeout(expire, timeoutMs)
      ;(async () => token())()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
    held = asked
    // A function that failed is called again by the next call.
    asked.catch(() => {
      if (held === asked) held = null
    })
    return asked
  }

  return {
    current,
    async renew(refused) {
      const before = held
      if ((await current()) === refused && held === before) held = null
      return (await current()) !== refused
    },
  }
}

export function headersOf(token: string | null): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` }
}
