import { createLimitedLog } from '../../runtime/limited-log.ts'
import { traceDetail, type Trace } from '../../runtime/trace.ts'
import { withTimeout } from '../../runtime/with-timeout.ts'
import { mayUseProvider, mayUseType, noLimits, type CallerLimits } from '../caller-limits.ts'
import type { Changes } from '../changes.ts'
import type { Provider } from '../provider.ts'
import type { ReadTask } from '../read/read-task.ts'
import type { Watches } from '../read/watch.ts'
import { watchedStates } from '../read/watched-states.ts'
import type { OrderWriter } from '../store/order-writer.ts'
import { createTaskLog, taskIds } from '../task-log.ts'
import { isQueued, type Task } from '../task/task.ts'
import { startedAtMs } from '../task/task-times.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { SeparationType } from '../task/separation-type.ts'
import {
  idempotencyConflict,
  invalidInput,
  orderRefusalOf,
  type InputIssue,
  type OrderRefusal,
} from './order-refusal.ts'
import { createPlaceOrder, type PlaceOrderOptions } from './place-order.ts'
import { issuesOf, type MistakeInUrl, type SeparateInput } from './separate-input.ts'
import type { Submission, Submissions } from './submissions.ts'

export interface SeparateOptions extends PlaceOrderOptions {
  readonly submissions: Submissions
  /** Called when an order of the owner was queued. */
  readonly onQueued: (owner: string, provider: ProviderName) => void
  readonly store: OrderWriter
  readonly readTask: ReadTask
  readonly watches: Watches
  readonly changes: Changes
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly mistakeInWebhookUrl: MistakeInUrl
  /** How long a caller waits for the provider's answer. The answer itself is awaited longer. */
  readonly submitTimeoutMs: number
}

export type SeparateOutcome =
  /** `reused`: an earlier task answers the order, so nothing was charged for it. */
  | { readonly kind: 'accepted'; readonly task: Task; readonly reused: boolean }
  | { readonly kind: 'refused'; readonly refusal: OrderRefusal }

export interface OrderOptions {
  /** Whether the order is queued, and sent later, if the provider's rate is used up. Default: false. */
  readonly mayQueue?: boolean
  /** What the caller may order. Default: everything. */
  readonly limits?: CallerLimits
  /** The request that brings the order. */
  readonly trace?: Trace
}

/** How many refused orders of one caller are logged for each reason. */
const loggedRefusalsPerMinute = 60

export type LogRefusal = (
  owner: string,
  input: { readonly provider?: ProviderName | null | undefined },
  refusal: OrderRefusal,
  trace: Trace | null,
) => void

export interface Separate {
  /** Orders a separation, or finds the task that already answers the order. */
  separate(owner: string, input: SeparateInput, options?: OrderOptions): Promise<SeparateOutcome>
  /** Logs that an order was refused before it came here. */
  logRefusal: LogRefusal
  /** Whether the submit of the task is under way. */
  isSubmitting(taskId: string): boolean
  /** Resolves when all orders are sent and their answers stored, or after `withinMs`. */
  drain(withinMs: number): Promise<void>
}

export function createSeparate(options: SeparateOptions): Separate {
  const {
    store,
    clock,
    log,
    readTask,
    watches,
    changes,
    providers,
    defaultProvider,
    mistakeInWebhookUrl,
    submissions,
    onQueued,
    submitTimeoutMs,
  } = options
  const placeOrder = createPlaceOrder(options)
  const orders = new Set<Promise<SeparateOutcome>>()
  const taskLog = createTaskLog(log)
  const writeLimited = createLimitedLog({ log, maxPerMinute: loggedRefusalsPerMinute })

  return {
    separate(owner, input, { mayQueue = false, limits = noLimits, trace = null } = {}) {
      const order = takeOrder(owner, input, { mayQueue, limits, trace }).then((outcome) => {
        if (outcome.kind === 'refused') logRefusal(owner, input, outcome.refusal, trace)
        return outcome
      })
      orders.add(order)
      const remove = () => orders.delete(order)
      order.then(remove, remove)
      return order
    },
    logRefusal,
    isSubmitting: (taskId) => submissions.find(taskId) !== undefined,
    async drain(withinMs) {
      await withTimeout(withinMs, Promise.allSettled(orders).then(submissions.settled))
    },
  }

  /** Logs why an order was not stored. That the provider refused one is logged as a change of its task. */
  function logRefusal(...[owner, input, refusal, trace]: Parameters<LogRefusal>): void {
    const { kind: reason, task } = refusal
    if (task !== null && reason !== 'idempotency-conflict') return
    const provider = input.provider ?? defaultProvider
    const ids = task === null ? traceDetail(trace) : { ...taskIds(task), byRequestId: trace?.requestId }
    const detail = { event: 'order.refused', reason, owner, provider, ...budgetDetail(refusal), ...ids }
    writeLimited(`${owner} ${reason}`, 'info', detail, 'an order was refused, and nothing was stored or sent')
  }

  async function takeOrder(
    owner: string,
    input: SeparateInput,
    terms: { readonly mayQueue: boolean; readonly limits: CallerLimits; readonly trace: Trace | null },
  ): Promise<SeparateOutcome> {
    const name = input.provider ?? defaultProvider
    const provider = providers.get(name)
    const issues = issuesOf(input, mistakeInWebhookUrl)
    if (provider === undefined) return refused(invalidInput([...issues, disabledProvider()]))
    const all = [...issues, ...notAllowed(name, input.type, terms.limits)]
    if (all.length > 0) return refused(invalidInput(all))

    const key = input.idempotencyKey
    const result = await placeOrder(owner, input, provider, terms)
    switch (result.kind) {
      case 'refused':
        return result
      case 'conflict':
        return refused(idempotencyConflict(result.task))
      case 'new':
        if (isQueued(result.task)) {
          onQueued(owner, provider.name)
          return { kind: 'accepted', task: result.task, reused: false }
        }
        return waitForSubmission(result.task, key, submissions.submit(result.task, input, provider), false)
      case 'joined': {
        const { task } = result
        taskLog.joined(task, terms.trace)
        if (isAnswered(task)) return { kind: 'accepted', task, reused: true }
        const submission = submissions.find(task.id)
        return submission === undefined
          ? waitForOtherGateway(task, key)
          : waitForSubmission(task, key, submission, true)
      }
    }
  }

  function disabledProvider() {
    const enabled = [...providers.keys()].map((each) => each.toUpperCase()).join(', ')
    return { path: ['input', 'provider'], message: `is not enabled at this gateway. Enabled: ${enabled}.` }
  }

  /** Waits for the answer to a submit of this gateway, or for a callback that shows that the order was accepted. */
  async function waitForSubmission(
    task: Task,
    key: string | null,
    submission: Submission,
    reused: boolean,
  ): Promise<SeparateOutcome> {
    const other = listenForAnswer(task.id)
    // A task that is new cannot have changed before.
    if (reused) other.look()
    const answer = await withTimeout(submitTimeoutMs, Promise.race([submission.answer, other.seen])).finally(other.stop)
    // The caller does not wait for a store that is unavailable.
    const stored = answer === null ? null : await withTimeout(submitTimeoutMs, submission.stored)
    const current = stored ?? (await readTask(task.id)) ?? task
    if (answer?.kind === 'refused' && current.charge !== 'CHARGED')
      return refused(orderRefusalOf(answer.refusal, current))
    return outcomeOf(current, key, reused)
  }

  /** `seen` resolves when another report than the answer to the submit shows the outcome, as a callback does that came first. */
  function listenForAnswer(taskId: string) {
    let show = (_seen: null) => {}
    const seen = new Promise<null>((resolve) => (show = resolve))
    function look(): void {
      readTask(taskId).then(
        (task) => task !== null && isAnswered(task) && show(null),
        // The caller waits for the submit, and reads again then.
        () => {},
      )
    }
    return { seen, look, stop: changes.listen(taskId, look) }
  }

  /** Waits for the answer to a submit of another gateway, until that gateway stops waiting. */
  async function waitForOtherGateway(task: Task, key: string | null): Promise<SeparateOutcome> {
    const ageMs = Math.max(0, clock.nowMs() - startedAtMs(task))
    const waitMs = submissions.isUnanswered(task.id) ? 0 : Math.max(0, submitTimeoutMs - ageMs)
    return outcomeOf(await waitForAnswer(task, waitMs), key, true)
  }

  /** The outcome for a caller. A caller who is given an unanswered task keeps it for its key, even if it is refused later. */
  async function outcomeOf(task: Task, key: string | null, reused: boolean): Promise<SeparateOutcome> {
    // An order that was found at the provider is charged, whatever the answer to its submit said.
    const refusal = task.state === 'failed' && task.charge === 'NONE' ? task.failure.refusal : undefined
    if (refusal !== undefined) return refused(orderRefusalOf(refusal, task))
    if (!isAnswered(task) && key !== null) await store.confirmKey(task, key)
    return { kind: 'accepted', task, reused }
  }

  /** The task once the outcome of its submit is known, or as it is after `waitMs`. */
  async function waitForAnswer(task: Task, waitMs: number): Promise<Task> {
    const endsAtMs = performance.now() + waitMs
    const ref = { taskId: task.id, provider: null }
    const states = watchedStates((watcher) => watches.watch(task.owner, ref, {}, watcher))[Symbol.asyncIterator]()
    let current = task
    try {
      while (!isAnswered(current)) {
        const state = await withTimeout(Math.max(0, endsAtMs - performance.now()), states.next())
        if (state === null || state.done === true) break
        current = state.value ?? current
      }
    } finally {
      // Not awaited: a read may be under way.
      states.return?.().catch(() => {})
    }
    // The notification of the change may have been lost.
    return isAnswered(current) ? current : ((await readTask(task.id)) ?? current)
  }
}

/** What the operator does not allow the caller to order. */
function notAllowed(provider: ProviderName, type: SeparationType, limits: CallerLimits): readonly InputIssue[] {
  const issue = (field: string, allowed: readonly string[]) => ({
    path: ['input', field],
    message: `is not allowed for you. Allowed: ${allowed.join(', ').toUpperCase()}.`,
  })
  return [
    ...(mayUseProvider(limits, provider) ? [] : [issue('provider', limits.providers ?? [])]),
    ...(mayUseType(limits, type) ? [] : [issue('type', limits.types ?? [])]),
  ]
}

/** Whether the outcome of the task's submit is known. */
function isAnswered(task: Task): boolean {
  return task.state !== 'pending' || task.charge !== 'MAYBE'
}

function refused(refusal: OrderRefusal): SeparateOutcome {
  return { kind: 'refused', refusal }
}

/** Which budget does not allow the order. */
function budgetDetail(refusal: OrderRefusal): object {
  if (refusal.kind !== 'budget-exceeded') return {}
  const { budget, used, resetsAtMs } = refusal.status
  return {
    budget: `${budget.kind}/${budget.period}`,
    used,
    limit: budget.limit,
    resetsAt: new Date(resetsAtMs),
  }
}
