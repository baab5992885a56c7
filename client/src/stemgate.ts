import type { SeparateInput } from '../../schema/operations.ts'
import { createCredential, type Token } from './credential.ts'
import { type Download, type Downloadable, download } from './download.ts'
import { OrderRefusedError, SeparationFailedError, StemgateError } from './errors.ts'
import { eventStreams, type Transport } from './event-streams.ts'
import { newKey } from './idempotency-key.ts'
import { type OperationText, readText, separateText } from './operation-texts.ts'
import { post } from './post.ts'
import { withRetries } from './retry.ts'
import type { Ordered, Task } from './task.ts'
import { type Watched, type WatchOptions, watchTask, watchTasks } from './watch.ts'

export type { SeparateInput } from '../../schema/operations.ts'
export type { Token } from './credential.ts'
export type { Download, Downloadable } from './download.ts'
export type { Transport } from './event-streams.ts'
export type { Ordered, Refusal, Stem, Task } from './task.ts'
export type { Watched, WatchOptions } from './watch.ts'
export { OrderRefusedError, SeparationFailedError, StemgateError }

export interface StemgateOptions {
  /** The address of the gateway's API, such as `https://stems.example.com/graphql`. */
  readonly url: string
  /**
   * An API key or a token, or a function that gets one. The function is called before the first call, and again when the
   * gateway no longer accepts the token. Should it throw, the call fails with its error.
   */
  readonly token?: Token | undefined
  /** How long the gateway, or the function `token`, may be silent before a call is tried again, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number | undefined
  /** How updates arrive. Default: server-sent events, a stream for each `watch`. */
  readonly transport?: Transport | undefined
}

export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason. It does not cancel an order. */
  readonly signal?: AbortSignal | undefined
}

export interface SeparateAndWatchOptions extends WatchOptions {
  /** Called with the task as it is now, and after every change. */
  readonly onUpdate?: ((task: Task) => void) | undefined
}

/** A client of a Stemgate gateway. Every method may throw StemgateError. */
export interface Stemgate {
  /**
   * Orders a separation. Makes an idempotency key unless the input has one, and repeats a call whose answer was lost with the
   * same key, so that the order is charged once. A refusal is a result, not an error.
   */
  separate(input: SeparateInput, options?: CallOptions): Promise<Ordered>
  /** Reads a task. null: there is no such task, or it belongs to another caller. */
  read(taskId: string, options?: CallOptions): Promise<Task | null>
  /**
   * The task as it is now, then every change, until it is settled. Survives interruptions. A slow reader gets the latest state
   * and none of those before.
   */
  watch(taskId: string, options?: WatchOptions): AsyncIterableIterator<Task>
  /** Your newest tasks, at most 100, then every change of a task and every new task. Does not end by itself. */
  watchAll(watched?: Watched, options?: WatchOptions): AsyncIterableIterator<Task>
  /**
   * Orders a separation and watches it. Resolves to the task with its stems. Throws OrderRefusedError or
   * SeparationFailedError if there will be none.
   */
  separateAndWatch(input: SeparateInput, options?: SeparateAndWatchOptions): Promise<Task>
  /** A stem, or all stems of a task in one ZIP file. In a browser, lets the browser save it, and resolves to null. Elsewhere, opens the file. */
  download(file: Downloadable, options?: CallOptions): Promise<Download | null>
}

const defaultTimeoutMs = 30_000

/** Creates a client. It connects when it is used. */
export function createStemgate(options: StemgateOptions): Stemgate {
  const { url, token = null, timeoutMs = defaultTimeoutMs, transport = eventStreams } = options
  const credential = createCredential(token, timeoutMs)
  const connection = { credential, subscribe: transport({ url, timeoutMs }) }

  function send<T, V>(operation: OperationText<T, V>, variables: V, signal: AbortSignal | undefined): Promise<T> {
    return withRetries(signal, () => post({ url, credential, timeoutMs }, operation, variables, signal))
  }

  async function separate(input: SeparateInput, { signal }: CallOptions = {}): Promise<Ordered> {
    const idempotencyKey = input.idempotencyKey ?? newKey()
    try {
      const data = await send(separateText, { input: { ...input, idempotencyKey } }, signal)
      return { ...data.separate, idempotencyKey }
    } catch (error) {
      if (error instanceof StemgateError) error.idempotencyKey = idempotencyKey
      throw error
    }
  }

  return {
    separate,
    watch: (taskId, watching = {}) => watchTask(connection, taskId, watching),
    watchAll: (watched = {}, watching = {}) => watchTasks(connection, watched, watching),
    download,
    async read(taskId, { signal } = {}) {
      return (await send(readText, { taskId }, signal)).separation
    },
    async separateAndWatch(input, { onUpdate, ...watching } = {}) {
      const ordered = await separate(input, watching)
      if (ordered.__typename !== 'SeparateSuccess') throw new OrderRefusedError(ordered)
      let { task } = ordered
      onUpdate?.(task)
      if (!task.settled) {
        try {
          for await (const changed of watchTask(connection, task.id, watching)) {
            if (changed.revision > task.revision || changed.settled) onUpdate?.(changed)
            task = changed
          }
        } catch (error) {
          // The order stands: with its key it can be sent again without a second charge.
          if (error instanceof StemgateError) error.idempotencyKey = ordered.idempotencyKey
          throw error
        }
      }
      if (task.status !== 'SUCCESS') throw new SeparationFailedError(task)
      return task
    },
  }
}
