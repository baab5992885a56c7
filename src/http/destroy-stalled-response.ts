import type { ServerResponse } from 'node:http'

/** How long a reader may leave what it is sent unread, in milliseconds. */
const longestMs = 30_000
const polls = 3

/** Cuts a stream whose reader has stopped reading, so that nothing is kept for nobody. */
export function destroyStalledResponse(response: ServerResponse): void {
  let written = -1
  let stalledPolls = 0
  const looking = setInterval(() => {
    const now = response.socket?.bytesWritten ?? 0
    const isStuck = response.writableLength > 0 && now === written
    stalledPolls = isStuck ? stalledPolls + 1 : 0
    written = now
    if (stalledPolls >= polls) response.destroy()
  }, longestMs / polls).unref()
  response.once('close', () => clearInterval(looking))
}
