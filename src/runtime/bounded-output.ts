import { createWriteStream, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { withTimeout } from './with-timeout.ts'

/** A way out of the process, such as standard error, that never waits for its reader. */
export interface BoundedOutput {
  write(text: string): void
  /** How many writes found no room, or failed, since the start. */
  dropped(): number
  /** Resolves when everything is written, or after `withinMs`: the reader may be stuck. */
  flush(withinMs: number): Promise<void>
}

export interface BoundedOutputOptions {
  /** How much waits for the reader at most; what comes then is dropped. */
  readonly maxBytes?: number
  /** Called with how many writes were dropped, once something can be written again. */
  readonly onRecovered?: (dropped: number) => void
}

const defaultMaxBytes = 1024 * 1024
/** How long a way out that has failed, such as a file on a full disk, is left alone. */
const restMs = 1_000

/** Opens a way out over a descriptor that the process was started with; 1 is standard output, 2 standard error. */
export function createBoundedOutput(fd: number, options: BoundedOutputOptions = {}): BoundedOutput {
  const { maxBytes = defaultMaxBytes, onRecovered } = options
  const waiting = new Set<() => void>()
  let stream: Writable | null = null
  let closedUntilMs = 0
  let unwritten = 0
  let dropped = 0
  let unreported = 0

  /** The stream to write to; null while a failed one rests. */
  function open(): Writable | null {
    if (stream !== null || performance.now() < closedUntilMs) return stream
    try {
      stream = streamOf(fd)
    } catch {
      closedUntilMs = performance.now() + restMs
      return null
    }
    // Every failed write tells of its error as well.
    stream.on('error', () => {})
    return stream
  }

  function drop(): void {
    dropped += 1
    unreported += 1
  }

  function ended(error: Error | null | undefined, from: Writable): void {
    unwritten -= 1
    if (unwritten === 0) for (const resolve of waiting) resolve()
    if (error !== null && error !== undefined) {
      drop()
      if (stream !== from) return
      stream = null
      closedUntilMs = performance.now() + restMs
      return
    }
    if (unreported === 0 || from.writableLength > maxBytes / 2) return
    const report = unreported
    unreported = 0
    onRecovered?.(report)
  }

  return {
    write(text) {
      const to = open()
      const bytes = Buffer.from(text)
      if (to === null || to.writableLength + bytes.length > maxBytes) return drop()
      unwritten += 1
      to.write(bytes, (error) => ended(error, to))
    },

    dropped: () => dropped,

    async flush(withinMs) {
      if (unwritten === 0) return
      let resolveWritten = () => {}
      const written = new Promise<void>((resolve) => waiting.add((resolveWritten = resolve)))
      await withTimeout(withinMs, written)
      waiting.delete(resolveWritten)
    },
  }
}

/**
 * A pipe, as of Docker and systemd, is written without blocking. A file is written by the thread pool, which a stuck
 * pipe would hold up for good, even the end of the process. A terminal is always written at once.
 */
function streamOf(fd: number): Writable {
  if (isatty(fd)) return fd === 1 ? process.stdout : process.stderr
  const stats = fstatSync(fd)
  if (!stats.isFIFO() && !stats.isSocket()) return createWriteStream('', { fd, autoClose: false })
  // Node never closes the descriptors from 0 to 2, even if their stream ends.
  return new Socket({ fd, readable: false, writable: true }).unref()
}
