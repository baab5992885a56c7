import type { Ending } from '../../../support/gateway.ts'
import { openBenchSocket, type BenchSocket, type BenchSocketOptions } from './web-socket.ts'

/** So many connect at a time: a server queues a limited number of them. */
const openAtATime = 100

export interface BenchSocketsOptions extends Pick<BenchSocketOptions, 'url' | 'onBreak'> {
  readonly count: number
  /** Takes each message with the index of its socket. */
  readonly onMessage: (nth: number, json: Buffer) => void
  /** Called as soon as a socket is open. */
  readonly onOpen?: (nth: number, socket: BenchSocket) => void
}

/** Opens sockets, which close at the end; resolves when all are acknowledged. */
export async function openBenchSockets(options: BenchSocketsOptions, atEnd: Ending): Promise<readonly BenchSocket[]> {
  const { url, count, onMessage, onBreak, onOpen = () => {} } = options
  const sockets: BenchSocket[] = []
  atEnd(() => {
    for (const socket of sockets) socket.close()
  })
  let begun = 0
  const openOneAfterOther = async () => {
    while (begun < count) {
      const nth = begun++
      const socket = await openBenchSocket({ url, nth, onMessage: (json) => onMessage(nth, json), onBreak })
      sockets[nth] = socket
      onOpen(nth, socket)
    }
  }
  await Promise.all(Array.from({ length: openAtATime }, openOneAfterOther))
  return sockets
}
