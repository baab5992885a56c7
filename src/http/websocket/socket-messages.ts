import { MessageType } from 'graphql-ws'
import type { SocketConnection, SocketOperation } from './socket-connection.ts'
import { frameHeaderBytes, writeFrameHeader } from './text-frame.ts'

/** A socket with more unread data than this is terminated. */
const maxUnreadBytes = 1024 * 1024
const closingBrace = 0x7d

/** Sends a message that has few of a kind: not the results of subscriptions. */
export function sendMessage(connection: SocketConnection, message: object): void {
  // As bytes: `bufferedAmount` counts the characters of a string, each of which may be 3 bytes.
  const bytes = Buffer.from(JSON.stringify(message))
  terminateIfUnread(connection)
  connection.ws.send(bytes, { binary: false })
}

/** Sends a result, whose JSON several operations may share. */
export function sendNext(operation: SocketOperation, result: Buffer): void {
  write(operation.connection, framesOf(JSON.stringify(operation.id), result, ''))
}

/** Sends the last result of an operation, and that it has completed. */
export function sendLast(operation: SocketOperation, result: Buffer): void {
  const jsonOfId = JSON.stringify(operation.id)
  const complete = `{"id":${jsonOfId},"type":"${MessageType.Complete}"}`
  write(operation.connection, framesOf(jsonOfId, result, complete))
}

/** The frame of a result, and that of a second message unless it is empty. One buffer, because each write is a system call. */
function framesOf(jsonOfId: string, result: Buffer, second: string): Buffer {
  const head = `{"id":${jsonOfId},"type":"${MessageType.Next}","payload":`
  const firstBytes = Buffer.byteLength(head) + result.length + 1
  const secondBytes = Buffer.byteLength(second)
  const bytes = Buffer.allocUnsafe(
    frameHeaderBytes(firstBytes) + firstBytes + (second === '' ? 0 : frameHeaderBytes(secondBytes) + secondBytes),
  )
  let at = writeFrameHeader(bytes, 0, firstBytes)
  at += bytes.write(head, at)
  at += result.copy(bytes, at)
  bytes[at++] = closingBrace
  if (second !== '') bytes.write(second, writeFrameHeader(bytes, at, secondBytes))
  return bytes
}

/**
 * Writes frames past the sender of `ws`, which writes the header and the payload of each frame by themselves. The order is kept:
 * without compression, `ws` writes what it is given at once.
 */
function write(connection: SocketConnection, frames: Buffer): void {
  terminateIfUnread(connection)
  if (connection.ws.readyState === connection.ws.OPEN) connection.socket.write(frames)
}

function terminateIfUnread({ ws }: SocketConnection): void {
  if (ws.bufferedAmount > maxUnreadBytes) ws.terminate()
}

/** Calls `written` when everything that was sent is written, and returns true; false if it is written already. */
export function whenWritten({ ws, socket }: SocketConnection, written: () => void): boolean {
  if (ws.readyState !== ws.OPEN || ws.bufferedAmount === 0) return false
  socket.write('', written)
  return true
}
