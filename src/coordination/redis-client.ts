import { createClient } from '@redis/client'

/** In milliseconds. */
export interface ClientTimings {
  /** How often each connection is pinged. */
  readonly pingMs: number
  /** A connection without any incoming byte for this long is replaced, because a proxy may drop everything. */
  readonly silentMs: number
  readonly connectMs: number
}

export type RedisClient = ReturnType<typeof createRedisClient>

const minReconnectDelayMs = 50
const maxReconnectDelayMs = 1_000

/** Creates a client that reconnects until it is destroyed. Throws if the URL is not a Redis URL. */
export function createRedisClient(url: string, { pingMs, silentMs, connectMs }: ClientTimings) {
  return createClient({
    url,
    // Every server supports this version of the protocol.
    RESP: 2,
    maintNotifications: 'disabled',
    // A command fails while Redis is unavailable; it is not sent later.
    disableOfflineQueue: true,
    pingInterval: pingMs,
    socket: {
      connectTimeout: connectMs,
      socketTimeout: silentMs,
      reconnectStrategy: (retries) => {
        const delayMs = Math.min(maxReconnectDelayMs, minReconnectDelayMs * 2 ** Math.min(retries, 10))
        return Math.ceil(delayMs * (0.5 + Math.random() / 2))
      },
    },
  })
}
