import { Agent, createServer, request as requestFile } from 'node:http'
import { listen } from './listen.ts'

// The limit of streaming: pipes each file from the server at ORIGIN, and does nothing else.

const origin = process.env['ORIGIN'] ?? ''
const agent = new Agent({ keepAlive: true })

listen(
  createServer((request, response) => {
    requestFile(`${origin}${request.url}`, { agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    }).end()
  }),
)
