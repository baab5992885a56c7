import { setTimeout as delay } from 'node:timers/promises'
import { openConnection, type Connection } from './connection.ts'

export interface PacedRequests {
  readonly url: string
  readonly requests: readonly Buffer[]
  readonly perSecond: number
  /** Called when a request is due, whether or not a connection is free. */
  readonly onDue: (index: number) => void
}

const connections = 64
const tickMs = 5

/**
 * Sends requests at a rate that does not depend on the answers, so that a slow server is not asked less. Resolves when all
 * are answered; rejects at any status but 200.
 */
export async function sendPaced({ url, requests, perSecond, onDue }: PacedRequests): Promise<void> {
  let broken: (error: Error) => void = () => {}
  const idle: Connection[] = []
  for (let nth = 0; nth < connections; nth++) idle.push(await openConnection(url, (error) => broken(error)))
  const all = [...idle]
  const queue: Buffer[] = []
  let answered = 0
  let isOver = false
  try {
    const whole = new Promise<void>((resolve, reject) => {
      broken = reject
      const sendQueued = (): void => {
        while (queue.length > 0) {
          const connection = idle.pop()
          const request = connection === undefined ? undefined : queue.shift()
          if (connection === undefined || request === undefined) return
          connection.send(request, ({ status, body }) => {
            if (status !== 200) return reject(new Error(`${status}: ${body.toString()}`))
            idle.push(connection)
            if (++answered === requests.length) resolve()
            sendQueued()
          })
        }
      }
      const pace = async () => {
        const startedAtMs = performance.now()
        for (let due = 0; due < requests.length && !isOver; await delay(tickMs)) {
          const until = Math.min(requests.length, Math.ceil(((performance.now() - startedAtMs) * perSecond) / 1_000))
          for (; due < until; due++) {
            onDue(due)
            queue.push(requests[due] ?? Buffer.alloc(0))
          }
          sendQueued()
        }
      }
      pace().catch(reject)
    })
    await whole
  } finally {
    isOver = true
    for (const connection of all) connection.close()
  }
}
