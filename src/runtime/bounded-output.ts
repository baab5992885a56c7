import { createWriteStream, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { withTimeout } from './with-timeout.ts'

/** An output of the process, such as standard error, that never blocks on its reader. */
export interface BoundedOutput {
  write(text: string): void
  /** The number of writes that were dropped since the start: the buffer was full, or the write failed. */
  dropped(): number
  /** Resolves when everything is written, or after `timeoutMs`, since the reader may be stuck. */
  flush(timeoutMs: number): Promise<void>
}

export interface BoundedOutputOptions {
  /** The maximum number of unread bytes; further writes are dropped. */
  readonly maxBytes?: number
  /** Called with the number of dropped writes when a write succeeds again. */
  readonly onRecovered?: (dropped: number) => void
}

const defaultMaxBytes = 1024 * 1024
/** How long to wait before reopening an output that failed, such as a file on a full disk. */
const reopenDelayMs = 1_000

/** Opens an output on a file descriptor that the process was started with; 1 is standard output, 2 standard error. */
export function createBoundedOutput(fd: number, options: BoundedOutputOptions = {}): BoundedOutput {
  const { maxBytes = defaultMaxBytes, onRecovered } = options
  const flushes = new Set<() => void>()
  let stream: Writable | null = null
  let closedUntilMs = 0
  let unwritten = 0
  let dropped = 0
  let unreported = 0

  /** The stream to write to; null for a while after a failure. */
  function open(): Writable | null {
    if (stream !== null || performance.now() < closedUntilMs) return stream
    try {
      stream = streamOf(fd)
    } catch {
      closedUntilMs = performance.now() + reopenDelayMs
      return null
    }
    // Each failed write reports its error to its own callback.
    stream.on('error', () => {})
    return stream
  }

  /** Lines of one turn of the event loop leave together: each write is a system call. */
  function gatherTurn(to: Writable): void {
    if (to.writableCorked > 0) return
    to.cork()
    process.nextTick(() => to.uncork())
  }

  function drop(): void {
    dropped += 1
    unreported += 1
  }

  function ended(error: Error | null | undefined, from: Writable): void {
    unwritten -= 1
    if (unwritten === 0) for (const resolve of flushes) resolve()
    if (error !== null && error !== undefined) {
      drop()
      if (stream !== from) return
      stream = null
      closedUntilMs = performance.now() + reopenDelayMs
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
      gatherTurn(to)
      to.write(bytes, (error) => ended(error, to))
    },

    dropped: () => dropped,

    async flush(timeoutMs) {
      if (unwritten === 0) return
      let resolveWritten = () => {}
      const written = new Promise<void>((resolve) => flushes.add((resolveWritten = resolve)))
      await withTimeout(timeoutMs, written)
      flushes.delete(resolveWritten)
    },
  }
}

/**
 * Pipes (Docker, systemd) are written without blocking. Files are written by the thread pool; a stuck pipe there would
 * block the pool and even process exit. Terminals are written synchronously.
 */
function streamOf(fd: number): Writable {
  if (isatty(fd)) return fd === 1 ? process.stdout : process.stderr
  const stats = fstatSync(fd)
  if (!stats.isFIFO() && !stats.isSocket()) return createWriteStream('', { fd, autoClose: false })
  // Node never closes descriptors 0 to 2, even when their stream ends.
  return new Socket({ fd, readable: false, writable: true }).unref()
}
