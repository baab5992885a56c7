import { openConnection, type Answer, type Connection } from './connection.ts'

/**
 * Sends requests to one server over kept-alive connections, each of which sends its next request as soon as the one before
 * was answered. The connections are opened for each call, before the time is taken. Rejects at any status but 200.
 */
export interface HttpLoad {
  /** Sends one request; resolves to its answer, and to when its first byte was sent, by `performance.now()`. */
  ask(request: Buffer): Promise<Answer & { readonly sentAtMs: number }>
  /** Keeps every connection busy for so long; resolves to the answers per second. */
  runFor(seconds: number, next: () => Buffer): Promise<number>
  /** Sends so many requests in all; resolves to the answers per second. */
  runTimes(count: number, next: (index: number) => Buffer, onAnswer?: (answer: Answer) => void): Promise<number>
}

export function createHttpLoad(url: string, connections: number): HttpLoad {
  /** Calls `next` for each request until it returns null; resolves to when it began. */
  async function run(next: () => Buffer | null, onAnswer: (answer: Answer) => void): Promise<number> {
    let broken: ((error: Error) => void) | null = null
    const open: Connection[] = []
    try {
      for (let nth = 0; nth < connections; nth++) open.push(await openConnection(url, (error) => broken?.(error)))
      const startedAtMs = performance.now()
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
            onAnswer(answer)
            advance()
          }
          advance()
        }
      })
      return startedAtMs
    } finally {
      for (const connection of open) connection.close()
    }
  }

  return {
    async ask(request) {
      const answers: Answer[] = []
      let left = 1
      const sentAtMs = await run(
        () => (left-- > 0 ? request : null),
        (answer) => void answers.push(answer),
      )
      const [answer] = answers
      if (answer === undefined) throw new Error('A request is answered.')
      return { ...answer, sentAtMs }
    },
    async runFor(seconds, next) {
      let answers = 0
      let endsAtMs = Number.POSITIVE_INFINITY
      let isFirst = true
      const startedAtMs = await run(
        () => {
          if (isFirst) endsAtMs = performance.now() + seconds * 1_000
          isFirst = false
          return performance.now() < endsAtMs ? next() : null
        },
        () => answers++,
      )
      return (answers * 1_000) / (performance.now() - startedAtMs)
    },
    async runTimes(count, next, onAnswer = () => {}) {
      let sent = 0
      const startedAtMs = await run(() => (sent < count ? next(sent++) : null), onAnswer)
      return (count * 1_000) / (performance.now() - startedAtMs)
    },
  }
}
