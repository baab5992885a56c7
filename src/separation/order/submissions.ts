import type { Log } from '../../runtime/log.ts'
import type { RecordReports } from '../advance/record.ts'
import type { CallbackAddresses } from '../callback/callback-address.ts'
import type { Provider, ProviderOrder, SubmitAnswer } from '../provider.ts'
import { taskIds } from '../task-log.ts'
import type { Task } from '../task/task.ts'
import { retryUntilStored } from './retry-until-stored.ts'

/** What is sent of an order. */
type OrderedTrackOfType = Pick<ProviderOrder, 'musicTaskId' | 'audioId' | 'type'>

/** A submit that is under way. */
export interface Submission {
  /** Resolves to the provider's answer. */
  readonly answer: Promise<SubmitAnswer>
  /** Resolves when the answer, or its absence, is stored: to the task with it, or to null if the task is gone. */
  readonly stored: Promise<Task | null>
}

export interface SubmissionsOptions {
  readonly record: RecordReports
  readonly addresses: CallbackAddresses
  readonly log: Log
  /** How long an unknown answer is remembered. */
  readonly submitTimeoutMs: number
}

/** The submits of this gateway. Each order is sent once, and its answer is stored however long that takes. */
export interface Submissions {
  /** Sends an order that was just stored as this task. */
  submit(task: Task, track: OrderedTrackOfType, provider: Provider): Submission
  /** The submit of this task, if it is under way. */
  find(taskId: string): Submission | undefined
  /** Whether the submit of this task has recently ended without a usable answer. */
  isUnanswered(taskId: string): boolean
  /** Resolves when the answers that are under way now are stored. */
  settled(): Promise<unknown>
}

export function createSubmissions({ record, addresses, log, submitTimeoutMs }: SubmissionsOptions): Submissions {
  const underWay = new Map<string, Submission>()
  const unanswered = new Set<string>()

  async function store(task: Task, answer: SubmitAnswer): Promise<Task | null> {
    const hints = { known: task, key: answer.key }
    switch (answer.kind) {
      case 'accepted':
        if (answer.providerTaskId === null) {
          log.error(
            { event: 'task.id-unusable', ...taskIds(task) },
            'the provider accepted and charged an order, but its task id cannot be stored',
          )
        }
        return retryUntilStored(() => record(task.id, answer, hints))
      case 'refused':
        return retryUntilStored(() => record(task.id, answer, hints))
      case 'unknown':
        unanswered.add(task.id)
        setTimeout(() => unanswered.delete(task.id), submitTimeoutMs).unref()
        return retryUntilStored(() => record(task.id, { kind: 'unanswered' }, { ...hints, cause: answer.cause }))
    }
  }

  return {
    submit(task, { musicTaskId, audioId, type }, provider) {
      const callbackUrl = addresses.urlOf(task)
      const answer = provider.submit({ owner: task.owner, musicTaskId, audioId, type, callbackUrl, trace: task.trace })
      const submission: Submission = { answer, stored: answer.then((given) => store(task, given)) }
      underWay.set(task.id, submission)
      submission.stored
        .catch((error: unknown) =>
          log.error({ err: error, ...taskIds(task) }, 'the answer to a submit could not be stored'),
        )
        .finally(() => underWay.delete(task.id))
      return submission
    },
    find: (taskId) => underWay.get(taskId),
    isUnanswered: (taskId) => unanswered.has(taskId),
    settled: () => Promise.allSettled([...underWay.values()].map(({ stored }) => stored)),
  }
}
