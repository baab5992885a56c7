import { createServer, type ServerResponse } from 'node:http'
import type { Ending } from '../../../support/gateway.ts'
import { listenOnLoopback } from '../../../support/listen-on-loopback.ts'
import { accepted } from '../../../support/played-provider.ts'
import { recordOfAllStems } from './provider-answers.ts'

/** A provider that answers at once: it accepts every order, and every task is done when record-info is asked. */
export interface InstantProvider {
  readonly url: string
  /** How often record-info was asked. */
  reads(): number
}

export async function startInstantProvider(atEnd: Ending): Promise<InstantProvider> {
  let reads = 0
  let orders = 0
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      reads++
      const taskId = new URL(request.url ?? '', 'http://provider').searchParams.get('taskId') ?? ''
      return sendJson(response, recordOfAllStems(taskId))
    }
    request.resume()
    request.once('end', () => sendJson(response, accepted(`instant-task-${++orders}`)))
  })
  return { url: await listenOnLoopback(server, atEnd, 4_096), reads: () => reads }
}

function sendJson(response: ServerResponse, body: object): void {
  const text = JSON.stringify(body)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}
