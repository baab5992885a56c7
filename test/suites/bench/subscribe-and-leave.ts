import { once } from 'node:events'
import { WebSocket } from 'ws'
import { webSocketUrl } from '../../support/transports.ts'

const watch = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { id } }'
const atATime = 32

/** Watches a task so many times, each time from a socket of its own; every other one goes without a word, by a reset. */
export async function subscribeAndLeave(visits: {
  readonly url: string
  readonly taskId: string
  readonly times: number
  readonly onProgress?: (done: number) => void
}): Promise<void> {
  const { url, taskId, times, onProgress } = visits
  let begun = 0
  let done = 0
  async function visitor(): Promise<void> {
    while (begun < times) {
      await visit(url, taskId, begun++ % 2 === 0)
      if (++done % 5_000 === 0) onProgress?.(done)
    }
  }
  await Promise.all(Array.from({ length: atATime }, visitor))
}

async function visit(url: string, taskId: string, goesByReset: boolean): Promise<void> {
  const socket = new WebSocket(webSocketUrl(url), 'graphql-transport-ws')
  const closed = once(socket, 'close')
  const watching = new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', (code) => reject(new Error(`The socket was closed: ${code}`)))
    socket.on('message', (data: Buffer) => {
      const { type }: { type: string } = JSON.parse(data.toString())
      if (type === 'connection_ack') {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: watch, variables: { taskId } } }))
      }
      if (type === 'next') resolve()
      if (type === 'error') reject(new Error(data.toString()))
    })
  })
  const connection = once(socket, 'upgrade')
  watching.catch(() => {})
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await watching
  const [response] = await connection
  if (goesByReset) response.socket.resetAndDestroy()
  else socket.close(1000)
  await closed
}
