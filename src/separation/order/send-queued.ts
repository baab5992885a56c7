import { randomUUID } from 'node:crypto'
import type { Log } from '../../runtime/log.ts'
import { createOutageLog } from '../../runtime/outage-log.ts'
import { withTimeout } from '../../runtime/with-timeout.ts'
import type { RecordReports } from '../advance/record.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { Admission, Provider } from '../provider.ts'
import type { Clock } from '../store/clock.ts'
import type { OrderQueueReader } from '../store/order-queue-reader.ts'
import { isQueued, type QueuedTask } from '../task/task.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { Refusal } from '../task/failure.ts'
import type { Expectations } from './expectations.ts'
import { retryUntilStored } from './retry-until-stored.ts'
import type { Submissions } from './submissions.ts'

export interface SendQueuedOptions {
  readonly store: OrderQueueReader
  readonly clock: Clock
  readonly record: RecordReports
  readonly expectations: Pick<Expectations, 'expectedAtMs'>
  readonly submissions: Pick<Submissions, 'submit'>
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly log: Log
  /** The time from sending an order to the first check of its task. */
  readonly firstCheckAfterMs: number
  /** After this time an order is not sent any more: its check gives it up. */
  readonly giveUpAfterMs: number
}

/** Sends queued orders within the rates of their providers. */
export interface SendQueued {
  start(): void
  /** Sends the queued orders of a caller, without waiting for the next poll. */
  wake(owner: string, provider: ProviderName): void
  /** Begins to send no other order. Resolves when every order that was begun is on its way, or after `withinMs`. */
  stop(withinMs: number): Promise<void>
}

/** How often the store is asked for orders that other gateways have queued, or left behind. */
const pollIntervalMs = 1_000
/** How many callers a poll reads. The next poll goes on after them. */
const maxOwners = 200
/** How many orders of a caller are read to find one that can be sent. */
const maxOrders = 20
/**
 * How long an order waits for its slot before its caller's orders are read again. Long, because a caller that leaves the line
 * comes back at its end.
 */
const maxWaitMs = 60 * 60_000
/** One order that always fails must not be logged as an outage that comes and goes. */
const outageQuietMs = 60_000

/**
 * Each caller's orders wait for their slots one after the other, so that callers get them in turn. An order is sent by whoever
 * records that it is sent: `record` changes a task only as it was read, so that of several gateways one succeeds.
 */
export function createSendQueued(options: SendQueuedOptions): SendQueued {
  const { store, clock, record, expectations, submissions, providers, log, firstCheckAfterMs, giveUpAfterMs } = options
  const callers = new Set<string>()
  /** The last caller of the page that was read, by provider. None: the next page is the first. */
  const lastOwners = new Map<ProviderName, string>()
  const claiming = new Set<Promise<unknown>>()
  let timer: NodeJS.Timeout | undefined
  let isStarted = false
  let isStopped = false
  const outage = createOutageLog({
    log,
    level: 'error',
    downMessage: 'queued orders cannot be sent',
    upMessage: 'queued orders are sent again',
    detail: { outage: 'queued-orders' },
    quietMs: outageQuietMs,
  })

  return {
    start() {
      isStarted = true
      timer = setInterval(() => [...providers.values()].forEach(poll), pollIntervalMs).unref()
    },
    wake(owner, name) {
      const provider = providers.get(name)
      if (isStarted && !isStopped && provider !== undefined) sendOrdersOf(owner, provider)
    },
    async stop(withinMs) {
      isStopped = true
      clearInterval(timer)
      await withTimeout(withinMs, Promise.all(claiming))
    },
  }

  function poll(provider: Provider): void {
    const { name } = provider
    guarded(async () => {
      const owners = await store.queuedOwners(name, { after: lastOwners.get(name) ?? '', limit: maxOwners })
      lastOwners.set(name, owners[maxOwners - 1] ?? '')
      for (const owner of owners) sendOrdersOf(owner, provider)
    })
  }

  /** Sends the orders of a caller, unless that is under way. */
  function sendOrdersOf(owner: string, provider: Provider): void {
    const caller = JSON.stringify([provider.name, owner])
    if (callers.has(caller)) return
    callers.add(caller)
    guarded(async () => {
      try {
        while (!isStopped && (await sendNext(owner, provider)));
      } finally {
        callers.delete(caller)
      }
    })
  }

  /** Sends the caller's oldest order. Resolves to whether there may be another that can be sent now. */
  async function sendNext(owner: string, provider: Provider): Promise<boolean> {
    const queued = (await store.queuedOrders(provider.name, owner, maxOrders)).filter(isQueued)
    const order = queued.find(({ createdAtMs }) => clock.nowMs() < createdAtMs + giveUpAfterMs)
    if (order === undefined) return false
    const admission = await waitForSlot(order, provider)
    if (admission?.kind === 'not-admitted') return refuse(order, admission.refusal)
    if (admission === null) return false
    if (isStopped) {
      admission.release()
      return false
    }
    const sending = send(order, provider, admission)
    claiming.add(sending)
    await sending.finally(() => claiming.delete(sending))
    return true
  }

  /**
   * A slot for the order, or a refusal that no wait ends. null if it gets no slot now, for instance because the provider is
   * down.
   */
  async function waitForSlot(order: QueuedTask, provider: Provider): Promise<Admission | null> {
    const first = await provider.admit(order)
    const last =
      first.kind === 'admitted' || first.wait === null || isStopped
        ? first
        : await first.wait.until(performance.now() + maxWaitMs)
    if (last.kind === 'admitted') return last
    return last.refusal.reason === 'insufficient-credits' ? last : null
  }

  /** Ends an order that the account cannot pay, as the provider's own refusal would. Resolves to true: others may be sent. */
  async function refuse({ id: taskId }: QueuedTask, refusal: Refusal): Promise<boolean> {
    await record(taskId, (current) => {
      return isQueued(current) ? [{ report: { kind: 'refused', refusal }, atMs: clock.nowMs() }] : []
    })
    return true
  }

  /** Sends the order if nobody else does. */
  async function send(
    order: QueuedTask,
    provider: Provider,
    admission: Extract<Admission, { kind: 'admitted' }>,
  ): Promise<void> {
    let isSent = false
    try {
      const task = await claim(order)
      if (task === null) return
      isSent = true
      submissions.submit(task, order, provider)
    } finally {
      if (isSent) admission.sent()
      else admission.release()
    }
  }

  /**
   * Records durably that the order is sent, from which moment on it may be charged. Resolves to the task; null if somebody
   * else sends it, or it was given up. After an outage the store may hold the change although it reported an error, so the
   * attempt is known by its name.
   */
  async function claim({ id: taskId, provider, type }: QueuedTask) {
    const attempt = randomUUID()
    const task = await retryUntilStored(() => {
      const atMs = clock.nowMs()
      const expectedAtMs = expectations.expectedAtMs(provider, type, atMs)
      const sent = { report: { kind: 'sent', expectedAtMs, attempt }, atMs } as const
      const due = { leaseUntilMs: null, dueAtMs: atMs + firstCheckAfterMs } as const
      return record(taskId, (current) => (isQueued(current) ? [sent] : []), { due })
    })
    return task?.sendAttempt === attempt ? task : null
  }

  function guarded(work: () => Promise<void>): void {
    work().then(
      () => outage.worked(),
      (error: unknown) => {
        // The store itself logs that it is unavailable.
        if (error instanceof StoreUnavailableError) log.debug({}, 'queued orders wait for the store')
        else outage.failed({ err: error })
      },
    )
  }
}
