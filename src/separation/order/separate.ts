import { errorOf, IdempotencyConflictError, InvalidInputError } from '../errors.ts'
import { createPlaceOrder, type PlaceOrderOptions } from './place-order.ts'
import type { ReadTask } from '../read/read-task.ts'
import { issuesOf, type SeparateInput } from './separate-input.ts'
import type { ProviderName, Task } from '../task.ts'
import { isAnswered, waitForAnswer } from './wait-for-answer.ts'
import { retryUntilStored } from './retry-until-stored.ts'
import { withTimeout } from '../../runtime/with-timeout.ts'
import type { CallbackAddresses } from '../callback/callback-address.ts'
import type { Changes } from '../changes.ts'
import type { Provider, SubmitAnswer } from '../provider.ts'

export interface SeparateOptions extends PlaceOrderOptions {
  readonly readTask: ReadTask
  readonly changes: Changes
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly addresses: CallbackAddresses
  /** How long a caller waits for the provider's answer; the answer itself is waited for longer. */
  readonly submitTimeoutMs: number
}

export interface SeparateOutcome {
  readonly task: Task
  /** An earlier order answers this one: nothing was charged for it. */
  readonly reused: boolean
}

export interface Separate {
  /** Orders a separation, or finds the task that already answers the order. Throws a SeparateError if it is refused. */
  separate(owner: string, input: SeparateInput): Promise<SeparateOutcome>
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
  readonly stored: Promise<void>
}

export function createSeparate(options: SeparateOptions): Separate {
  const { store, readTask, changes, record, providers, defaultProvider, addresses, log } = options
  const place = createPlaceOrder(options)
  const submissions = new Map<string, Submission>()
  /** Tasks of which it is known here that no answer will come. */
  const unanswered = new Set<string>()
  const orders = new Set<Promise<SeparateOutcome>>()

  return {
    separate(owner, input) {
      const order = takeOrder(owner, input)
      orders.add(order)
      const remove = () => orders.delete(order)
      order.then(remove, remove)
      return order
    },

    isSubmitting: (taskId) => submissions.has(taskId),

    async drain(withinMs) {
      const stored = () => Promise.allSettled([...submissions.values()].map((submission) => submission.stored))
      await withTimeout(withinMs, Promise.allSettled(orders).then(stored))
    },
  }

  async function takeOrder(owner: string, input: SeparateInput): Promise<SeparateOutcome> {
    const provider = providerFor(input)
    const key = input.idempotencyKey
    const result = await place(owner, input, provider)
    switch (result.kind) {
      case 'conflict':
        throw new IdempotencyConflictError(result.task)
      case 'new':
        return { task: await waitForOutcome(result.task, key, submit(result.task, input, provider)), reused: false }
      case 'joined': {
        if (isAnswered(result.task)) return { task: result.task, reused: true }
        const submission = submissions.get(result.task.id)
        const answered =
          submission === undefined
            ? waitForOtherGateway(result.task, key)
            : waitForOutcome(result.task, key, submission)
        return { task: await answered, reused: true }
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
    const submission: Submission = { answer, stored: answer.then((given) => storeAnswer(task, given)) }
    submissions.set(task.id, submission)
    submission.stored.catch((error: unknown) => logUnstored(error, task)).finally(() => submissions.delete(task.id))
    return submission
  }

  async function storeAnswer(task: Task, answer: SubmitAnswer): Promise<void> {
    switch (answer.kind) {
      case 'accepted':
        if (answer.providerTaskId === null) {
          const detail = { taskId: task.id, provider: task.provider }
          log.error(detail, 'the provider took and charged an order, and names it by an id that cannot be kept')
        }
        return retryUntilStored(() => record(task.id, answer))
      case 'refused':
        return retryUntilStored(() => record(task.id, answer))
      case 'unknown':
        log.warn({ taskId: task.id, provider: task.provider, cause: answer.cause }, 'no usable answer to a submit')
        unanswered.add(task.id)
        setTimeout(() => unanswered.delete(task.id), options.submitTimeoutMs).unref()
    }
  }

  /** What a caller is told of its order: the refusal, or the task, bound if the answer came in time. */
  async function waitForOutcome(task: Task, key: string | null, submission: Submission): Promise<Task> {
    // Whichever comes first: the provider's answer, or a callback that shows what became of the order.
    const answered = waitForAnswer(task, options.submitTimeoutMs, { readTask, changes, stop: submission.answer })
    const answer = await Promise.race([submission.answer, answered.then(() => null)])
    // However long the store is away, the caller is not kept waiting for it.
    if (answer !== null) await withTimeout(options.submitTimeoutMs, submission.stored)
    // Many callers may wait for the same task: it is read once for all of them.
    const current = (await readTask(task.id)) ?? task
    if (answer?.kind === 'refused' && current.charge !== 'CHARGED') throw errorOf(answer.refusal)
    return confirmKey(current, key)
  }

  /** The same for an order that another gateway may have under way: it is waited for as long as there. */
  async function waitForOtherGateway(task: Task, key: string | null): Promise<Task> {
    const ageMs = Math.max(0, store.nowMs() - task.createdAtMs)
    const waitMs = unanswered.has(task.id) ? 0 : Math.max(0, options.submitTimeoutMs - ageMs)
    return confirmKey(await waitForAnswer(task, waitMs, { readTask, changes }), key)
  }

  /** Gives a caller the task, or the refusal of its order. While that is open, the key comes to lead to the task for good. */
  async function confirmKey(task: Task, key: string | null): Promise<Task> {
    // An order that was seen at the provider is charged, whatever its answer said.
    const refusal = task.state === 'failed' && task.charge === 'NONE' ? task.failure.refusal : undefined
    if (refusal !== undefined) throw errorOf(refusal)
    if (!isAnswered(task) && key !== null) await store.confirmKey(task, key)
    return task
  }

  function logUnstored(error: unknown, { id }: Task): void {
    log.error({ err: error, taskId: id }, 'what became of an order could not be written down')
  }
}
