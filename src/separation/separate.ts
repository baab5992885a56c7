import { setTimeout as sleep } from 'node:timers/promises'
import { errorOf, IdempotencyConflictError, InvalidInputError, StoreUnavailableError } from './errors.ts'
import type { Admission, CallbackAddresses, Changes, Log, Placed, Provider, Store, SubmitAnswer } from './ports.ts'
import type { ReadTask } from './read-task.ts'
import type { Record } from './record.ts'
import { fingerprintOf, issuesOf, type SeparateInput } from './separate-input.ts'
import { newTaskId } from './task-id.ts'
import { expiresAtMs, type ProviderName, type Refusal, type Task } from './task.ts'
import { isAnswered, untilAnswered } from './until-answered.ts'
import { within } from './within.ts'

export interface SeparateOptions {
  readonly store: Store
  readonly readTask: ReadTask
  readonly changes: Changes
  readonly record: Record
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly addresses: CallbackAddresses
  readonly log: Log
  /** How long a caller waits for the provider's answer; the answer itself is waited for longer. */
  readonly submitTimeoutMs: number
  /** How long an order waits for its place within the provider's rate. */
  readonly submitWaitMs: number
  /** How long after the order a task is asked for the first time. */
  readonly firstCheckAfterMs: number
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

type PlacedTask = Exclude<Placed, { readonly kind: 'not-admitted' }>

/** A submit that is under way. */
interface Submission {
  /** The provider's answer; resolves as soon as it is there. */
  readonly answer: Promise<SubmitAnswer>
  /** Resolves when the answer stands in the store. */
  readonly kept: Promise<void>
}

const storeRetryMs = 500
/** After this no store still does what was asked of it, in milliseconds. */
const lateCommitMs = 10_000
const notWrittenDown: Refusal = {
  reason: 'unavailable',
  providerCode: null,
  message: 'The order could not be written down in time, so it was not sent and nothing was charged. Order again.',
  retryable: true,
  retryAfterSeconds: null,
}

export function createSeparate(options: SeparateOptions): Separate {
  const { store, readTask, changes, record, providers, defaultProvider, addresses, log } = options
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

  /**
   * Writes the order down, unless an earlier task answers it. It is written down only with a place at the provider, for
   * which it waits a little; who joins needs none.
   */
  async function place(owner: string, input: SeparateInput, provider: Provider): Promise<PlacedTask> {
    const { idempotencyKey: key } = input
    const waitUntilMs = performance.now() + options.submitWaitMs
    for (;;) {
      const asked = askOnce(() => provider.admit())
      const nowMs = Date.now()
      let placed: Placed | null = null
      const task = newTask(owner, provider.name, input, nowMs)
      try {
        placed = await store.place({
          task,
          key: key === null ? null : { owner, key, fingerprint: fingerprintOf(input) },
          dueAtMs: nowMs + options.firstCheckAfterMs,
          canJoin: input.force ? null : (earlier) => answersTheSame(earlier, provider, Date.now()),
          isAdmitted: async () => (await asked.answer()).kind === 'admitted',
        })
      } catch (error) {
        if (error instanceof StoreUnavailableError) withdraw(task).catch((cause: unknown) => complain(cause, task))
        throw error
      } finally {
        if (placed?.kind !== 'new') asked.giveBack()
      }
      if (placed.kind !== 'not-admitted') return placed
      const admission = await asked.answer()
      if (admission.kind === 'admitted') continue
      const { freeInMs, refusal } = admission
      if (freeInMs === null || performance.now() + freeInMs > waitUntilMs) throw errorOf(refusal)
      await sleep(freeInMs)
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
    const answer = provider.submit({ musicTaskId, audioId, type, callbackUrl: addresses.urlOf(task.provider, task.id) })
    const submission: Submission = { answer, kept: answer.then((given) => keep(task, given)) }
    submissions.set(task.id, submission)
    submission.kept.catch((error: unknown) => complain(error, task)).finally(() => submissions.delete(task.id))
    return submission
  }

  async function keep(task: Task, answer: SubmitAnswer): Promise<void> {
    switch (answer.kind) {
      case 'accepted':
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
    const answer = await within(options.submitTimeoutMs, submission.answer)
    // However long the store is away, the caller is not kept waiting for it.
    if (answer !== null) await within(options.submitTimeoutMs, submission.kept)
    if (answer?.kind === 'refused') throw errorOf(answer.refusal)
    const [current] = await store.find([task.id])
    return handOut(current ?? task, key)
  }

  /** The same for an order that another gateway may have under way: it is waited for as long as there. */
  async function outcomeElsewhere(task: Task, key: string | null): Promise<Task> {
    const ageMs = Math.max(0, Date.now() - task.createdAtMs)
    const waitMs = unanswered.has(task.id) ? 0 : Math.max(0, options.submitTimeoutMs - ageMs)
    return handOut(await untilAnswered(task, waitMs, { readTask, changes }), key)
  }

  /** Gives a caller the task, or the refusal of its order. While that is open, the key comes to lead to the task for good. */
  async function handOut(task: Task, key: string | null): Promise<Task> {
    const refusal = task.state === 'failed' ? task.failure.refusal : undefined
    if (refusal !== undefined) throw errorOf(refusal)
    if (!isAnswered(task) && key !== null) await store.handOut(task, key)
    return task
  }

  /** The store may have written an order down without our hearing of it in time. It is not sent any more. */
  async function withdraw({ id }: Task): Promise<void> {
    await sleep(lateCommitMs, undefined, { ref: false })
    await untilStored(() => record(id, { kind: 'refused', refusal: notWrittenDown }))
  }

  function complain(error: unknown, { id }: Task): void {
    log.error({ err: error, taskId: id }, 'what became of an order could not be written down')
  }

  /** What the provider has answered must reach the store, however long that is away. */
  async function untilStored(write: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await write()
        return
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        log.error({ err: error }, 'the store cannot take the answer to a submit; trying again')
        await sleep(storeRetryMs, undefined, { ref: false })
      }
    }
  }
}

/** Asks for admission when it is first needed, however often the answer is. */
function askOnce(ask: () => Promise<Admission>): { answer: () => Promise<Admission>; giveBack: () => void } {
  let answer: Promise<Admission> | null = null
  return {
    answer: () => (answer ??= ask()),
    giveBack() {
      void answer?.then((admission) => {
        if (admission.kind === 'admitted') admission.giveBack()
      })
    },
  }
}

function newTask(owner: string, provider: ProviderName, input: SeparateInput, nowMs: number): Task {
  return {
    id: newTaskId(),
    owner,
    provider,
    providerTaskId: null,
    type: input.type,
    musicTaskId: input.musicTaskId,
    audioId: input.audioId,
    musicId: null,
    originUrl: null,
    charge: 'MAYBE',
    revision: 1,
    createdAtMs: nowMs,
    state: 'pending',
    emptySinceMs: null,
  }
}

/** Whether a task still answers an order for the same track: it is under way, or its files are there, or it may be charged. */
function answersTheSame(task: Task, provider: Provider, nowMs: number): boolean {
  switch (task.state) {
    case 'pending':
      return true
    case 'succeeded':
      return (expiresAtMs(task, provider.retentionMs) ?? 0) > nowMs
    case 'failed':
      return task.failure.code === 'SUBMISSION_UNCONFIRMED'
  }
}
