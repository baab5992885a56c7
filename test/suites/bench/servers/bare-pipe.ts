import { Agent, createServer, request as requestFile } from 'node:http'
import { listen } from './listen.ts'

// The limit of streaming: pipes each file from the server at ORIGIN, and does nothing else.

const origin = process.env['ORIGIN'] ?? ''
const agent = new Agent({ keepAlive: true })

listen(
  createServer((request, response) => {
    requestFile(`${origin}${request.url}`, { agent }, (answer) => {
      const { 'content-type': type = '', 'content-length': length = 0 } = answer.headers
      // Not the header `connection`: the load waits until its own connection is closed.
      response.writeHead(answer.statusCode ?? 502, { 'content-type': type, 'content-length': length })
      answer.pipe(response)
    }).end()
  }),
)
