import { ErrorReply } from '@redis/client'
import { withTimeout } from '../runtime/with-timeout.ts'
import type { Log } from '../runtime/log.ts'
import { nextState, type ConnectionEvent, type ConnectionState } from './connection-state.ts'
import { createRedisClient, type ClientTimings, type RedisClient } from './redis-client.ts'
import { createRedisLog } from './redis-log.ts'

/** The gateway's two connections to one Redis: one for commands, one for subscriptions. Both reconnect after every loss. */
export interface RedisConnection {
  /**
   * Runs a command. Rejects immediately while Redis is unavailable. Rejects after `answerMs` without an answer; Redis then
   * counts as unavailable until it answers. Never waits for a connection.
   */
  run<T>(command: (client: RedisClient) => Promise<T>): Promise<T>
  /**
   * Calls `onMessage` for every message of the channel. Calls `onSubscribed` whenever the subscription starts: first, and
   * after each loss of the connection, when messages may have been missed.
   */
  subscribe(channel: string, onMessage: (message: string) => void, onSubscribed: () => void): void
  /** Whether Redis answers, and both connections are established. */
  isUp(): boolean
  /** Calls `listener` whenever Redis becomes available again. */
  onAvailable(listener: () => void): void
  /** Waits at most `answerMs` for running commands, then closes both connections. */
  close(): Promise<void>
}

/** In milliseconds. */
export interface RedisTimings extends ClientTimings {
  /** The timeout of a command. A caller waits for it. */
  readonly answerMs: number
  /** How long the start waits for Redis before the gateway works without it. */
  readonly openMs: number
}

export interface RedisOptions {
  readonly log: Log
  readonly timings?: Partial<RedisTimings>
}

const defaultTimings: RedisTimings = {
  answerMs: 300,
  pingMs: 4_000,
  silentMs: 8_000,
  connectMs: 3_000,
  openMs: 2_000,
}

/** Opens both connections. If Redis is unavailable, logs that and keeps trying. Throws if the URL is not a Redis URL. */
export async function openRedisConnection(url: string, options: RedisOptions): Promise<RedisConnection> {
  const timings = { ...defaultTimings, ...options.timings }
  const log = createRedisLog(options.log)
  const commands = createRedisClient(url, timings)
  const subscriber = createRedisClient(url, timings)
  const clients = [commands, subscriber]
  const availableListeners: (() => void)[] = []
  const running = new Set<Promise<unknown>>()
  let state: ConnectionState = 'connecting'

  const isClosed = () => state === 'closed'
  const areReady = () => clients.every((client) => client.isReady)

  function handle(event: ConnectionEvent): void {
    const previous = state
    state = nextState(state, event)
    if (state === 'answering' && previous !== 'answering') for (const listener of availableListeners) listener()
  }

  for (const client of clients) {
    // Closing does not stop a connection attempt that has begun.
    client.on('connect', () => isClosed() && client.destroy())
    client.on('error', (error: unknown) => {
      if (client.isReady) return log.failed(error)
      if (client === commands) handle('lost')
      if (!isClosed()) log.lost(error)
    })
    client.on('ready', () => areReady() && log.restored())
  }
  commands.on('ready', () => {
    log.reconnected()
    handle('ready')
  })
  commands.on('ping-interval', () => handle('answered'))

  // Each attempt ends when the client is connected or destroyed.
  const opened = Promise.all(clients.map((client) => client.connect().catch(() => {})))
  await withTimeout(timings.openMs, opened)
  if (!areReady()) log.lost(new Error(`no answer within ${timings.openMs} ms`))

  return {
    async run(command) {
      if (state !== 'answering' || !commands.isReady) throw new Error('Redis is unavailable')
      // In an object, because an answer may be null.
      const answer = command(commands).then((value) => ({ value }))
      // A late answer also shows that Redis answers.
      answer.then(
        () => handle('answered'),
        (error: unknown) => {
          if (!(error instanceof ErrorReply)) return
          handle('answered')
          log.refused(error)
        },
      )
      const inTime = withTimeout(timings.answerMs, answer)
      running.add(inTime)
      try {
        const result = await inTime
        if (result !== null) return result.value
      } finally {
        running.delete(inTime)
      }
      // The next commands fail immediately. Nothing is written either, so that the silence is noticed.
      handle('timed-out')
      throw new Error(`Redis did not answer within ${timings.answerMs} ms`)
    },

    subscribe(channel, onMessage, onSubscribed) {
      const subscribe = () => {
        // If the client has resubscribed by itself, this call only confirms it.
        subscriber.subscribe(channel, onMessage).then(onSubscribed, (error: unknown) => {
          if (error instanceof ErrorReply) log.refused(error)
        })
      }
      subscriber.on('ready', subscribe)
      if (subscriber.isReady) subscribe()
    },

    isUp: () => state === 'answering' && areReady(),

    onAvailable: (listener) => void availableListeners.push(listener),

    async close() {
      handle('closed')
      await Promise.allSettled(running)
      for (const client of clients) client.destroy()
    },
  }
}
