import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { listen } from './listen.ts'

// The limit of a read: reads the body of each request and sends the bytes that ANSWER holds.

const answer = Buffer.from(process.env['ANSWER'] ?? '{"data":{}}')
const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': answer.length }

listen(
  createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      Buffer.concat(chunks)
      response.writeHead(200, headers)
      response.end(answer)
    })
  }),
)
