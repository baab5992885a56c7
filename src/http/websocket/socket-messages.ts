import { MessageType } from 'graphql-ws'
import type { SocketConnection, SocketOperation } from './socket-connection.ts'

/** A socket with more unread data than this is terminated. */
const maxUnreadBytes = 1024 * 1024
const closingBrace = 0x7d

/** Sends a message that has few of a kind: not the results of subscriptions. */
export function sendMessage(connection: SocketConnection, message: object): void {
  send(connection, Buffer.from(JSON.stringify(message)))
}

/** Sends a result, whose JSON several operations may share. */
export function sendNext({ connection, id }: SocketOperation, result: Buffer): void {
  const head = `{"id":${JSON.stringify(id)},"type":"${MessageType.Next}","payload":`
  const headBytes = Buffer.byteLength(head)
  const message = Buffer.allocUnsafe(headBytes + result.length + 1)
  message.write(head)
  result.copy(message, headBytes)
  message[headBytes + result.length] = closingBrace
  send(connection, message)
}

/** Sent as bytes: `bufferedAmount` counts the characters of a string, each of which may be 3 bytes. */
function send({ ws }: SocketConnection, message: Buffer): void {
  if (ws.bufferedAmount > maxUnreadBytes) ws.terminate()
  ws.send(message, { binary: false })
}

/** Calls `written` when everything that was sent is written, and returns true; false if it is written already. */
export function whenWritten({ ws, socket }: SocketConnection, written: () => void): boolean {
  if (ws.readyState !== ws.OPEN || ws.bufferedAmount === 0) return false
  socket.write('', written)
  return true
}
