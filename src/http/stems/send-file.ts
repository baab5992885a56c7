import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { guardAgainstStalls } from './stall-guard.ts'

export interface SendFileOptions {
  readonly response: ServerResponse
  readonly body: Readable
  /** How many bytes of the body come before those that are sent. */
  readonly skip: number
  /** How many bytes are sent; null: all. */
  readonly take: number | null
  readonly stallMs: number
  /**
   * Called with the first bytes of the body, before anything is sent: writes the head. Returns false if the response is
   * finished with it.
   */
  readonly begin: (firstBytes: Buffer) => boolean
  /** Called if the body ends before anything is sent. */
  readonly onFailedEarly: () => void
  /** Called with the length of the body once all of it was read. */
  readonly onWhole: (bytes: number) => void
}

/**
 * Streams a body with back-pressure: what the client does not take is not read. Ends the body when the client has what it
 * asked for or leaves, and cuts the connection if the body breaks off, so that a part never looks like the whole.
 */
export function sendFile(options: SendFileOptions): void {
  const { response, body, take, stallMs, begin, onFailedEarly, onWhole } = options
  if (response.destroyed) {
    // The client left while the file was opened: no event of the response ends the body.
    body.destroy()
    return
  }
  let { skip } = options
  let left = take ?? Infinity
  let received = 0
  let isBegun = false

  function fail(): void {
    body.destroy()
    if (response.writableEnded) return
    if (isBegun) response.destroy()
    else onFailedEarly()
  }

  function beginWith(chunk: Buffer): boolean {
    isBegun = true
    const goesOn = begin(chunk)
    if (!goesOn) body.destroy()
    return goesOn
  }

  body.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (response.writableEnded) return
    if (!isBegun && !beginWith(chunk)) return
    if (skip >= chunk.length) {
      skip -= chunk.length
      return
    }
    const part = skip === 0 && chunk.length <= left ? chunk : chunk.subarray(skip, Math.min(chunk.length, skip + left))
    skip = 0
    left -= part.length
    const hasRoom = response.write(part)
    // The body is destroyed with the response, unless it ends first: its connection can then be used again.
    if (left === 0) response.end()
    else if (!hasRoom) {
      body.pause()
      response.once('drain', () => body.resume())
    }
  })
  body.once('end', () => {
    onWhole(received)
    if (response.writableEnded) return
    if (!isBegun && !beginWith(Buffer.alloc(0))) return
    if (take === null || left === 0) response.end()
    else fail()
  })
  body.once('error', fail)
  // Also without an error, if the client has left.
  body.once('close', () => {
    if (!body.readableEnded && !response.writableEnded) fail()
  })
  response.once('close', () => body.destroy())
  guardAgainstStalls({
    response,
    received: () => received,
    stallMs,
    onStall(who) {
      if (who === 'client') response.destroy()
      else fail()
    },
  })
}
