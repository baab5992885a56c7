import { createLimitedLog } from '../runtime/limited-log.ts'
import type { Log } from '../runtime/log.ts'
import { createOutageLog } from '../runtime/outage-log.ts'
import type { Trace } from '../runtime/trace.ts'
import { taskDetail } from '../separation/task-log.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { Task } from '../separation/task/task.ts'

/** Why a request to a callback address was not taken for a callback. */
export type CallbackRefusal = 'invalid-url' | 'method' | 'too-large' | 'not-json'

/** A callback whose address is valid. */
export interface AddressedCallback {
  readonly provider: ProviderName
  readonly taskId: string
  /** Whether a signature of the provider vouches for it. */
  readonly isSigned: boolean
  /** Why it cannot be trusted; null if it can. */
  readonly problem: string | null
}

/** Logs what came of each callback, and when a provider's callbacks begin and cease to be trusted. */
export interface CallbackLog {
  /** The request is that of the callback; the task keeps that of its order. */
  stored(kind: 'saved' | 'restored', task: Task, callback: AddressedCallback, request: Trace): void
  /** The task was deleted. */
  deletedTask(callback: AddressedCallback, request: Trace): void
  unknownTask(callback: AddressedCallback, request: Trace): void
  /** The store is unavailable, which it logs itself. */
  notStored(callback: AddressedCallback, request: Trace): void
  refused(reason: CallbackRefusal, taskId: string | null, request: Trace): void
}

/** Who knows an address may send any number of requests: so many lines for each task, and for all invalid addresses. */
const linesPerMinute = 20
/** How long no callback of a provider must be untrusted before the log says that all are trusted again, in milliseconds. */
const untrustedQuietMs = 60_000

export function createCallbackLog(log: Log, providers: readonly ProviderName[]): CallbackLog {
  const write = createLimitedLog({ log, maxPerMinute: linesPerMinute })
  // A single untrusted callback among trusted ones must not log a recovery: hence the long quiet time.
  const trust = new Map(
    providers.map((provider) => [
      provider,
      createOutageLog({
        log,
        level: 'warn',
        downMessage: 'callbacks are not trusted: each one only triggers a check of the task',
        upMessage: 'callbacks are trusted again',
        detail: { outage: 'callbacks-not-trusted', provider },
        quietMs: untrustedQuietMs,
      }),
    ]),
  )

  function noteTrust({ provider, taskId, problem }: AddressedCallback): void {
    if (problem === null) trust.get(provider)?.worked()
    else trust.get(provider)?.failed({ taskId, problem })
  }

  return {
    stored(kind, task, callback, request) {
      noteTrust(callback)
      const { isSigned, problem } = callback
      const detail = {
        event: `callback.${kind}`,
        ...taskDetail(task),
        isSigned,
        problem: problem ?? undefined,
        byRequestId: request.requestId,
      }
      write(task.id, problem === null ? 'info' : 'warn', detail, storedMessages[kind])
    },
    deletedTask({ provider, taskId }, { requestId }) {
      const detail = { event: 'callback.deleted-task', provider, taskId, byRequestId: requestId }
      write(taskId, 'info', detail, 'a callback came for a task that was deleted; nothing is stored')
    },
    unknownTask({ provider, taskId }, { requestId }) {
      const detail = { event: 'callback.unknown-task', provider, taskId, byRequestId: requestId }
      write(taskId, 'error', detail, unknownTaskMessage)
    },
    notStored({ provider, taskId }, { requestId }) {
      const detail = { event: 'callback.not-stored', provider, taskId, byRequestId: requestId }
      write(taskId, 'debug', detail, 'a callback could not be stored; the provider will send it again')
    },
    refused(reason, taskId, { requestId }) {
      const detail = { event: 'callback.refused', reason, taskId: taskId ?? undefined, byRequestId: requestId }
      write(taskId ?? reason, 'info', detail, 'a request to a callback address was refused')
    },
  }
}

const storedMessages = {
  saved: 'a callback is stored',
  restored: 'a callback has restored its task; it is stored when the provider sends it again',
} as const

const unknownTaskMessage =
  'a callback has a valid URL, but its task is not in the database and the URL does not contain the order. Check whether ' +
  'DATABASE_URL points to another database, or whether the database was replaced by an older copy'
