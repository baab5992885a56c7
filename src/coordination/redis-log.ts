import type { ErrorReply } from '@redis/client'
import { describeError } from '../runtime/describe-error.ts'
import type { Log } from '../runtime/log.ts'

/** Logs each outage of Redis once, and its end. */
export interface RedisLog {
  /** A connection is lost, or was not established in time. */
  lost(error: unknown): void
  /** All connections work. */
  restored(): void
  /** Redis refused a command. Logged once until `reconnected` is called. */
  refused(error: ErrorReply): void
  reconnected(): void
  /** A connection had an error and is not lost. */
  failed(error: unknown): void
}

/** What the lines of the log say of the problems. A refusal has no end that is logged. */
const began = { loss: { event: 'outage.began', outage: 'redis' }, refusal: { event: 'redis.refused' } } as const

export function createRedisLog(log: Log): RedisLog {
  /** The problems that are logged already. */
  const logged = new Set<'loss' | 'refusal'>()

  function warnOnce(problem: 'loss' | 'refusal', error: unknown, message: string): void {
    if (logged.has(problem)) return
    logged.add(problem)
    log.warn({ ...began[problem], cause: describeError(error) }, message)
  }

  return {
    lost: (error) => warnOnce('loss', error, 'Redis is unavailable: this gateway works alone until Redis is back'),
    restored() {
      if (logged.delete('loss')) log.info({ event: 'outage.ended', outage: 'redis' }, 'Redis is available again')
    },
    refused: (error) => warnOnce('refusal', error, 'Redis refuses the commands of this gateway'),
    reconnected: () => void logged.delete('refusal'),
    failed: (error) => log.debug({ cause: describeError(error) }, 'a connection to Redis had an error'),
  }
}
