import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Told } from './evidence.ts'
import type { Random } from './random.ts'

/** Receives webhooks, and often fails at it. */
export interface FaultyReceiver {
  readonly url: string
  /** Every message that arrived whole, also those that were answered with an error or not at all. */
  readonly told: readonly Told[]
  /** How many messages were answered with an error, cut off, or not answered in time. */
  failures(): number
  /** From now on every message is taken. */
  heal(): void
  close(): Promise<void>
}

const faultShare = 0.5
const hangMs = 2_000
/** It is away for this share of the time: nothing is answered at all. */
const awayEveryMs = 3_000
const awayMs = 800

export async function startFaultyReceiver(random: Random): Promise<FaultyReceiver> {
  const told: Told[] = []
  let isHealed = false
  let failures = 0
  const startedAtMs = performance.now()
  const isAway = () => !isHealed && (performance.now() - startedAtMs) % awayEveryMs < awayMs

  const server = createServer((request, response) => {
    void text(request).then(
      async (body) => {
        told.push({ ...JSON.parse(body), id: String(request.headers['webhook-id']), path: request.url ?? '', body })
        if (isHealed) return response.writeHead(204).end()
        if (!isAway() && random.next() >= faultShare) return response.writeHead(204).end()
        failures += 1
        const fault = isAway() ? 'cut' : random.pick(['error', 'cut', 'hang'] as const)
        if (fault === 'error') return response.writeHead(500).end()
        if (fault === 'hang') await sleep(hangMs)
        return response.destroy()
      },
      // The gateway was killed while it sent.
      () => {},
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The receiver has no port.')
  return {
    url: `http://127.0.0.1:${address.port}`,
    told,
    failures: () => failures,
    heal: () => void (isHealed = true),
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
