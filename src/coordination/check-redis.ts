import { createClient } from '@redis/client'

/** In milliseconds. */
const connectTimeoutMs = 3_000
const silenceMs = 5_000

/** Checks that Redis answers and runs scripts, which count the rates. Rejects if it does not. */
export async function checkRedisAnswers(url: string): Promise<void> {
  const client = createClient({
    url,
    RESP: 2,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false, connectTimeout: connectTimeoutMs, socketTimeout: silenceMs },
  })
  // The command that is running rejects with the same error.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.eval('return 1')
  } finally {
    client.destroy()
  }
}
