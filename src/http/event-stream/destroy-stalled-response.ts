import type { ServerResponse } from 'node:http'

/** How long a client may leave a stream unread, in milliseconds. */
const maxStalledMs = 30_000
const maxStalledPolls = 3

/** Closes the connection of a stream that its client no longer reads, so that its data is not buffered forever. */
export function destroyStalledResponse(response: ServerResponse): void {
  let lastBytesWritten = -1
  let stalledPolls = 0
  const polling = setInterval(() => {
    const bytesWritten = response.socket?.bytesWritten ?? 0
    const isStalled = response.writableLength > 0 && bytesWritten === lastBytesWritten
    stalledPolls = isStalled ? stalledPolls + 1 : 0
    lastBytesWritten = bytesWritten
    if (stalledPolls >= maxStalledPolls) response.destroy()
  }, maxStalledMs / maxStalledPolls).unref()
  response.once('close', () => clearInterval(polling))
}
