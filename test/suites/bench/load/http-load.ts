import type { Ending } from '../../../support/gateway.ts'
import { openConnection, type Answer, type Connection } from './connection.ts'

/** Connections to one server, each of which sends its next request as soon as the one before was answered. */
export interface HttpLoad {
  /** Sends one request; resolves to its answer. */
  ask(request: Buffer): Promise<Answer>
  /** Keeps every connection busy for so long; resolves to the answers per second. Rejects at any status but 200. */
  runFor(seconds: number, next: () => Buffer): Promise<number>
  /** Sends so many requests in all; resolves to the answers per second. */
  runTimes(count: number, next: (index: number) => Buffer, onAnswer?: (answer: Answer) => void): Promise<number>
}

export async function openHttpLoad(url: string, connections: number, atEnd: Ending): Promise<HttpLoad> {
  let broken: ((error: Error) => void) | null = null
  const open: Connection[] = []
  atEnd(() => {
    for (const connection of open) connection.close()
  })
  for (let nth = 0; nth < connections; nth++) open.push(await openConnection(url, (error) => broken?.(error)))

  /** Calls `next` for each request until it returns null; resolves to the number of answers. */
  async function run(next: () => Buffer | null, onAnswer?: (answer: Answer) => void): Promise<number> {
    let answers = 0
    let busy = open.length
    await new Promise<void>((resolve, reject) => {
      broken = reject
      for (const connection of open) {
        const advance = (): void => {
          const request = next()
          if (request !== null) return connection.send(request, take)
          if (--busy === 0) resolve()
        }
        const take = (answer: Answer): void => {
          if (answer.status !== 200) return reject(new Error(`${answer.status}: ${answer.body.toString()}`))
          answers++
          onAnswer?.(answer)
          advance()
        }
        advance()
      }
    })
    broken = null
    return answers
  }

  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        broken = reject
        open[0]?.send(request, resolve)
      }),
    async runFor(seconds, next) {
      const startedAtMs = performance.now()
      const endsAtMs = startedAtMs + seconds * 1_000
      const answers = await run(() => (performance.now() < endsAtMs ? next() : null))
      return (answers * 1_000) / (performance.now() - startedAtMs)
    },
    async runTimes(count, next, onAnswer) {
      let sent = 0
      const startedAtMs = performance.now()
      await run(() => (sent < count ? next(sent++) : null), onAnswer)
      return (count * 1_000) / (performance.now() - startedAtMs)
    },
  }
}
