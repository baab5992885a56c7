import { connect } from 'node:net'
import { credential } from '../servers/bench-gateway.ts'
import { postRequest } from './connection.ts'

export interface EventStreamOptions {
  readonly url: string
  readonly query: string
  readonly taskId: string
  /** Takes what was received, as text. */
  readonly onText: (text: string) => void
  readonly onBreak: (error: Error) => void
}

const shared = Buffer.alloc(256 * 1024)

/** Opens a subscription over SSE on a connection of its own. The server may end it after the last event. */
export function openEventStream({ url, query, taskId, onText, onBreak }: EventStreamOptions): { close(): void } {
  const { hostname, port } = new URL(url)
  const socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    onread: {
      buffer: shared,
      callback(length) {
        onText(shared.toString('latin1', 0, length))
        return true
      },
    },
  })
  socket.once('error', onBreak)
  const headers = { ...credential, accept: 'text/event-stream' }
  socket.write(postRequest('/graphql', { query, variables: { taskId } }, headers))
  return { close: () => void socket.destroy() }
}
