import type { ServerResponse } from 'node:http'

/** How often progress is looked at within the time that a stall may last. */
const polls = 3
/** Less progress than this between two looks is none, so that nobody holds a slot with a trickle. In bytes. */
const minBytesPerPoll = 1_024

export interface StallGuardOptions {
  readonly response: ServerResponse
  /** How many bytes the source has sent so far. */
  readonly received: () => number
  /** How long a stream may make no progress, in milliseconds. */
  readonly stallMs: number
  /** Called once, with who makes no progress. */
  readonly onStall: (who: 'client' | 'source') => void
}

/** Watches a stream until its response is closed: neither a source nor a client may hold it without progress. */
export function guardAgainstStalls({ response, received, stallMs, onStall }: StallGuardOptions): void {
  const { socket } = response
  // Counts what the system has taken: a client that reads slowly makes progress.
  const progress = () => received() + (socket?.bytesWritten ?? 0) - (socket?.writableLength ?? 0)
  let last = progress()
  let slowPolls = 0
  const polling = setInterval(() => {
    const now = progress()
    slowPolls = now - last < minBytesPerPoll ? slowPolls + 1 : 0
    last = now
    if (slowPolls < polls) return
    clearInterval(polling)
    onStall(response.writableNeedDrain || response.writableEnded ? 'client' : 'source')
  }, stallMs / polls).unref()
  response.once('close', () => clearInterval(polling))
}
