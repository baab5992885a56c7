import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FileService } from './file-address.ts'
import type { Timers } from './timers.ts'

/** When a slow file begins, in milliseconds, and how it goes on. */
const slowStartMs = 1_500
const slowChunkBytes = 32 * 1024
const slowPauseMs = 250

/** Sends files as unkindly as the file servers of real providers. */
export function createUnkindFiles(timers: Timers) {
  function sendSlowly(response: ServerResponse, file: Buffer): void {
    let at = 0
    const sendNext = (): void => {
      if (response.destroyed) return
      if (at === 0) response.writeHead(200, { 'content-type': 'audio/wav', 'content-length': file.length })
      response.write(file.subarray(at, at + slowChunkBytes))
      at += slowChunkBytes
      if (at >= file.length) response.end()
      else cancel = timers.at(Date.now() + slowPauseMs, sendNext)
    }
    let cancel = timers.at(Date.now() + slowStartMs, sendNext)
    response.once('close', () => cancel())
  }

  return function send(
    service: Exclude<FileService, 'friendly'>,
    { method }: IncomingMessage,
    response: ServerResponse,
    file: Buffer,
  ): void {
    // As storage that signs its addresses for one method.
    if (method !== 'GET') return void response.writeHead(403).end()
    switch (service) {
      case 'no-cors':
        response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': file.length }).end(file)
        return
      case 'bare':
        response.writeHead(200, { 'content-type': 'application/octet-stream' })
        // Without a length: a body that is given to `end` would get one.
        response.write(file)
        response.end()
        return
      case 'expired':
        response
          .writeHead(404, { 'content-type': 'application/xml' })
          .end('<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code></Error>')
        return
      case 'slow':
        sendSlowly(response, file)
    }
  }
}
