import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import type { Ending } from './gateway.ts'
import { listenOnLoopback } from './listen-on-loopback.ts'

/** A POST as it arrived. */
export interface ReceivedWebhook {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The body, unparsed: it is what is signed. */
  readonly text: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  readonly id: string
}

/** A real HTTP server that receives webhooks. */
export interface WebhookReceiver {
  /** Without a trailing slash. */
  readonly url: string
  /** Environment variables that let a gateway send here. */
  readonly environment: Readonly<Record<string, string>>
  readonly received: readonly ReceivedWebhook[]
  /** Says how messages are answered from now on. By default with 204. */
  answer(play: (response: ServerResponse, webhook: ReceivedWebhook) => void): void
  /** Resolves to the message with this index (from 0) once it has arrived. */
  webhook(index: number): Promise<ReceivedWebhook>
}

export async function startWebhookReceiver(atEnd: Ending = onTestFinished): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = []
  const waiting = new Set<() => void>()
  let play = (response: ServerResponse, _webhook: ReceivedWebhook): void => void response.writeHead(204).end()
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { type, data } = JSON.parse(body)
      const id = String(request.headers['webhook-id'])
      const webhook = { path: request.url ?? '', headers: request.headers, text: body, type, data, id }
      received.push(webhook)
      play(response, webhook)
      for (const wake of waiting) wake()
    })
  })
  const url = await listenOnLoopback(server, atEnd)
  return {
    url,
    environment: { WEBHOOK_HOSTS_ALLOWED: '127.0.0.1' },
    received,
    answer: (next) => void (play = next),
    async webhook(index) {
      for (;;) {
        const found = received[index]
        if (found !== undefined) return found
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake)
            resolve()
          }
          waiting.add(wake)
        })
      }
    },
  }
}
