import { errorOf, IdempotencyConflictError, InvalidInputError } from '../errors.ts'
import { createPlacing, type PlacingOptions } from './create-order.ts'
import type { ReadTask } from '../read/read-task.ts'
import { issuesOf, type SeparateInput } from './separate-input.ts'
import type { ProviderName, Task } from '../task.ts'
import { isAnswered, untilAnswered } from './wait-for-answer.ts'
import { untilStored } from './retry-until-stored.ts'
import { within } from '../../runtime/with-timeout.ts'
import type { CallbackAddresses } from '../callback/callback-address.ts'
import type { Changes } from '../changes.ts'
import type { Provider, SubmitAnswer } from '../provider.ts'

export interface SeparateOptions extends PlacingOptions {
  readonly readTask: ReadTask
  readonly changes: Changes
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly addresses: CallbackAddresses
  /** How long a caller waits for the provider's answer; the answer itself is waited for longer. */
  readonly submitTimeoutMs: number
}

export interface Separated {
  readonly task: Task
  /** An earlier order answers this one: nothing was charged for it. */
  readonly reused: boolean
}

export interface Separate {
  /** Orders a separation, or finds the task that already answers the order. Throws a SeparateError if it is refused. */
  separate(owner: string, input: SeparateInput): Promise<Separated>
  /** Whether the answer to the task's submit is still being waited for. */
  isSubmitting(taskId: string): boolean
  /** Resolves when the orders that were taken are sent and answered, or after `withinMs`. */
  drain(withinMs: number): Promise<void>
}

/** A submit that is under way. */
interface Submission {
  /** The provider's answer; resolves as soon as it is there. */
  readonly answer: Promise<SubmitAnswer>
  /** Resolves when the answer stands in the store. */
  readonly kept: Promise<void>
}

export function createSeparate(options: SeparateOptions): Separate {
  const { store, readTask, changes, record, providers, defaultProvider, addresses, log } = options
  const place = createPlacing(options)
  const submissions = new Map<string, Submission>()
  /** Tasks of which it is known here that no answer will come. */
  const unanswered = new Set<string>()
  const orders = new Set<Promise<Separated>>()

  return {
    separate(owner, input) {
      const order = take(owner, input)
      orders.add(order)
      const end = () => orders.delete(order)
      order.then(end, end)
      return order
    },

    isSubmitting: (taskId) => submissions.has(taskId),

    async drain(withinMs) {
      const kept = () => Promise.allSettled([...submissions.values()].map((submission) => submission.kept))
      await within(withinMs, Promise.allSettled(orders).then(kept))
    },
  }

  async function take(owner: string, input: SeparateInput): Promise<Separated> {
    const provider = providerFor(input)
    const key = input.idempotencyKey
    const placed = await place(owner, input, provider)
    switch (placed.kind) {
      case 'conflict':
        throw new IdempotencyConflictError(placed.task)
      case 'new':
        return { task: await outcome(placed.task, key, submit(placed.task, input, provider)), reused: false }
      case 'joined': {
        if (isAnswered(placed.task)) return { task: placed.task, reused: true }
        const submission = submissions.get(placed.task.id)
        const told =
          submission === undefined ? outcomeElsewhere(placed.task, key) : outcome(placed.task, key, submission)
        return { task: await told, reused: true }
      }
    }
  }

  /** The provider that is to take the order. Throws InvalidInputError with everything that is wrong with the input. */
  function providerFor(input: SeparateInput): Provider {
    const issues = issuesOf(input)
    const provider = providers.get(input.provider ?? defaultProvider)
    if (provider !== undefined) {
      if (issues.length > 0) throw new InvalidInputError(issues)
      return provider
    }
    const on = [...providers.keys()].map((each) => each.toUpperCase()).join(', ')
    throw new InvalidInputError([
      ...issues,
      { path: ['input', 'provider'], message: `is not switched on at this gateway. Switched on: ${on}.` },
    ])
  }

  /** Sends the order. The task stands in the store already, so that whatever happens from here on, it is known. */
  function submit(task: Task, input: SeparateInput, provider: Provider): Submission {
    const { musicTaskId, audioId, type } = input
    const callbackUrl = addresses.urlOf(task)
    const answer = provider.submit({ owner: task.owner, musicTaskId, audioId, type, callbackUrl })
    const submission: Submission = { answer, kept: answer.then((given) => keep(task, given)) }
    submissions.set(task.id, submission)
    submission.kept.catch((error: unknown) => complain(error, task)).finally(() => submissions.delete(task.id))
    return submission
  }

  async function keep(task: Task, answer: SubmitAnswer): Promise<void> {
    switch (answer.kind) {
      case 'accepted':
        if (answer.providerTaskId === null) {
          const detail = { taskId: task.id, provider: task.provider }
          log.error(detail, 'the provider took and charged an order, and names it by an id that cannot be kept')
        }
        return untilStored(() => record(task.id, answer))
      case 'refused':
        return untilStored(() => record(task.id, answer))
      case 'unknown':
        log.warn({ taskId: task.id, provider: task.provider, cause: answer.cause }, 'no usable answer to a submit')
        unanswered.add(task.id)
        setTimeout(() => unanswered.delete(task.id), options.submitTimeoutMs).unref()
    }
  }

  /** What a caller is told of its order: the refusal, or the task, bound if the answer came in time. */
  async function outcome(task: Task, key: string | null, submission: Submission): Promise<Task> {
    // Whichever comes first: the provider's answer, or a callback that shows what became of the order.
    const answered = untilAnswered(task, options.submitTimeoutMs, { readTask, changes, stop: submission.answer })
    const answer = await Promise.race([submission.answer, answered.then(() => null)])
    // However long the store is away, the caller is not kept waiting for it.
    if (answer !== null) await within(options.submitTimeoutMs, submission.kept)
    // Many callers may wait for the same task: it is read once for all of them.
    const current = (await readTask(task.id)) ?? task
    if (answer?.kind === 'refused' && current.charge !== 'CHARGED') throw errorOf(answer.refusal)
    return handOut(current, key)
  }

  /** The same for an order that another gateway may have under way: it is waited for as long as there. */
  async function outcomeElsewhere(task: Task, key: string | null): Promise<Task> {
    const ageMs = Math.max(0, store.nowMs() - task.createdAtMs)
    const waitMs = unanswered.has(task.id) ? 0 : Math.max(0, options.submitTimeoutMs - ageMs)
    return handOut(await untilAnswered(task, waitMs, { readTask, changes }), key)
  }

  /** Gives a caller the task, or the refusal of its order. While that is open, the key comes to lead to the task for good. */
  async function handOut(task: Task, key: string | null): Promise<Task> {
    // An order that was seen at the provider is charged, whatever its answer said.
    const refusal = task.state === 'failed' && task.charge === 'NONE' ? task.failure.refusal : undefined
    if (refusal !== undefined) throw errorOf(refusal)
    if (!isAnswered(task) && key !== null) await store.handOut(task, key)
    return task
  }

  function complain(error: unknown, { id }: Task): void {
    log.error({ err: error, taskId: id }, 'what became of an order could not be written down')
  }
}
