import { createClient, ErrorReply } from 'redis'
import { describeError } from '../runtime/describe-error.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import type { Log } from '../runtime/log.ts'

/** What the gateway has on one Redis: a connection for questions, and one for listening. It outlives every loss of either. */
export interface RedisConnection {
  /**
   * Asks Redis. Rejects at once while Redis is away, and after `answerMs` if it does not answer; then it counts as away
   * until it does. Never waits for a connection.
   */
  ask<T>(question: (client: RedisClient) => Promise<T>): Promise<T>
  /**
   * Calls `onMessage` for every message of the channel, and `onSubscribed` whenever that begins: at first, and after each
   * loss of the connection, when messages may have been missed.
   */
  subscribe(channel: string, onMessage: (message: string) => void, onSubscribed: () => void): void
  /** Calls `listener` whenever Redis can be asked again after it was away. */
  onBack(listener: () => void): void
  /** Waits for what was asked, `answerMs` at most, and closes both. Nothing else holds it up. */
  close(): Promise<void>
}

/** In milliseconds. */
export interface RedisTimings {
  /** How long a question may take: a caller waits for it. */
  readonly answerMs: number
  /** How often each connection is tried while it is silent. */
  readonly pingMs: number
  /** After so long without a byte on it a connection is replaced: something between may swallow everything. */
  readonly silentMs: number
  readonly connectMs: number
  /** How long opening waits for Redis before the gateway starts without. */
  readonly openMs: number
}

export interface RedisOptions {
  readonly log: Log
  readonly timings?: Partial<RedisTimings>
}

export type RedisClient = ReturnType<typeof createOurClient>

const defaultTimings: RedisTimings = {
  answerMs: 300,
  pingMs: 4_000,
  silentMs: 8_000,
  connectMs: 3_000,
  openMs: 2_000,
}
const minPauseMs = 50
const maxPauseMs = 1_000

/** Opens both connections. If Redis is away it keeps trying, and says so. Throws if the URL is not one of Redis. */
export async function openRedisConnection(url: string, { log, timings }: RedisOptions): Promise<RedisConnection> {
  const times = { ...defaultTimings, ...timings }
  const commands = createOurClient(url, times)
  const subscriber = createOurClient(url, times)
  const clients = [commands, subscriber]
  const backListeners: (() => void)[] = []
  const underWay = new Set<Promise<unknown>>()
  let isClosed = false
  let isLost = false
  let isAnswering = true
  let hasRefused = false

  function onLost(error: unknown): void {
    if (isLost || isClosed) return
    isLost = true
    log.warn({ cause: describeError(error) }, 'Redis is away: until it is back, this gateway goes by itself')
  }

  function onFound(): void {
    if (!isLost || !clients.every((client) => client.isReady)) return
    isLost = false
    log.info({}, 'Redis is back')
  }

  function onBackAgain(): void {
    isAnswering = true
    for (const listener of backListeners) listener()
  }

  function answered(): void {
    if (!isAnswering && commands.isReady) onBackAgain()
  }

  function refused(error: ErrorReply): void {
    if (hasRefused) return
    hasRefused = true
    log.warn({ cause: describeError(error) }, 'Redis refuses what this gateway asks of it')
  }

  for (const client of clients) {
    // A connection that was being made when we closed would stay.
    client.on('connect', () => isClosed && client.destroy())
    client.on('error', (error: unknown) => {
      if (!client.isReady) onLost(error)
      else log.debug({ cause: describeError(error) }, 'trouble on a connection to Redis')
    })
    client.on('ready', onFound)
  }
  commands.on('ready', () => {
    hasRefused = false
    onBackAgain()
  })
  commands.on('ping-interval', answered)

  // Each ends when the connection is made, however long that takes, or when it is closed.
  const opened = Promise.all(clients.map((client) => client.connect().catch(() => {})))
  await withTimeout(times.openMs, opened)
  if (!clients.every((client) => client.isReady)) onLost(new Error(`no answer in ${times.openMs} ms`))

  return {
    async ask(question) {
      if (isClosed || !isAnswering || !commands.isReady) throw new Error('Redis is away')
      // In an object, since an answer may be null.
      const answer = question(commands).then((value) => ({ value }))
      // An answer that comes too late still tells that Redis is there.
      answer.then(answered, (error: unknown) => {
        if (!(error instanceof ErrorReply)) return
        answered()
        refused(error)
      })
      const inTime = withTimeout(times.answerMs, answer)
      underWay.add(inTime)
      try {
        const given = await inTime
        if (given !== null) return given.value
      } finally {
        underWay.delete(inTime)
      }
      // Whoever asks next does not wait as long. Nor is anything written, so that the silence is noticed.
      isAnswering = false
      throw new Error(`Redis has not answered in ${times.answerMs} ms`)
    },

    subscribe(channel, onMessage, onSubscribed) {
      const subscribe = () => {
        // Where the client has subscribed again by itself, this only says so.
        subscriber.subscribe(channel, onMessage).then(onSubscribed, (error: unknown) => {
          if (error instanceof ErrorReply) refused(error)
        })
      }
      subscriber.on('ready', subscribe)
      if (subscriber.isReady) subscribe()
    },

    onBack: (listener) => void backListeners.push(listener),

    async close() {
      isClosed = true
      await Promise.allSettled(underWay)
      for (const client of clients) client.destroy()
    },
  }
}

function createOurClient(url: string, { pingMs, silentMs, connectMs }: RedisTimings) {
  return createClient({
    url,
    // The protocol that every server speaks.
    RESP: 2,
    maintNotifications: 'disabled',
    // What is asked while Redis is away is not asked later.
    disableOfflineQueue: true,
    pingInterval: pingMs,
    socket: {
      connectTimeout: connectMs,
      socketTimeout: silentMs,
      reconnectStrategy: (retries) => {
        const pauseMs = Math.min(maxPauseMs, minPauseMs * 2 ** Math.min(retries, 10))
        return Math.ceil(pauseMs * (0.5 + Math.random() / 2))
      },
    },
  })
}
