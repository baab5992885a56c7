import { createServer, type ServerResponse } from 'node:http'
import { listen } from './listen.ts'

// The limit of SSE subscriptions: answers every subscription with PENDING, and sends the bytes of SETTLED to all of them
// whenever it receives another POST. Unless COMPLETES is `no`, the subscriptions end with that.

const pending = eventOf(process.env['PENDING'] ?? '{"settled":false}')
const settled = eventOf(process.env['SETTLED'] ?? '{"settled":true}')
const completes = process.env['COMPLETES'] !== 'no'
const complete = 'event: complete\ndata:\n\n'

const streams = new Set<ServerResponse>()
listen(
  createServer((request, response) => {
    request.resume()
    request.once('end', () => {
      if (request.headers.accept === 'text/event-stream') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(pending)
        streams.add(response)
        response.once('close', () => streams.delete(response))
        return
      }
      response.end('{}')
      for (const stream of streams) stream.write(settled)
      if (completes) for (const stream of streams) stream.end(complete)
    })
  }),
)

function eventOf(data: string): string {
  return `event: next\ndata: ${data}\n\n`
}
