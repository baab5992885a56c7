import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { listen } from './listen.ts'

// The limit of WebSocket subscriptions: acknowledges and answers every subscription with PENDING, and sends the bytes of
// SETTLED to all sockets whenever it receives a POST. Unless COMPLETES is `no`, the subscriptions end with that.

const pending = process.env['PENDING'] ?? '{"settled":false}'
const settled = process.env['SETTLED'] ?? '{"settled":true}'
const completes = process.env['COMPLETES'] !== 'no'
const complete = JSON.stringify({ id: '1', type: 'complete' })

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
const server = createServer((request, response) => {
  request.resume()
  request.once('end', () => {
    response.end('{}')
    for (const socket of sockets.clients) socket.send(settled)
    if (completes) for (const socket of sockets.clients) socket.send(complete)
  })
})
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (accepted) => {
    accepted.on('message', (data: Buffer) => {
      const { type }: { type: string } = JSON.parse(data.toString())
      if (type === 'connection_init') accepted.send(JSON.stringify({ type: 'connection_ack' }))
      if (type === 'subscribe') accepted.send(pending)
    })
  })
})
listen(server)
