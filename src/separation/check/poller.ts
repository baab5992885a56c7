import type { Log } from '../../runtime/log.ts'
import { createOutageLog } from '../../runtime/outage-log.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { CheckQueue, Clock } from '../store.ts'
import type { ProviderName, Task } from '../task.ts'
import { holdLease, leaseMs, type Lease } from './lease.ts'

/**
 * Work on one due task. Resolves to when the task is due next, in milliseconds since 1970, or null for never.
 * @param onSlot to be called once the work has its slot within the provider's rate
 */
export type Work = (task: Task, onSlot: () => void) => Promise<number | null>

export interface PollerOptions {
  readonly provider: ProviderName
  readonly queue: Pick<CheckQueue, 'leaseDue' | 'renew' | 'release'>
  readonly clock: Clock
  readonly work: Work
  readonly log: Log
  /** The provider's rate limit for reads. */
  readonly readsPerSecond: number
  /** The time between two polls for due tasks, in milliseconds. */
  readonly pollIntervalMs: number
}

/** Leases the due tasks of one provider and works on them. */
export interface Poller {
  /** Polls now. */
  poll(): void
  /** Stops polling, and resolves when the work under way has ended. */
  stop(): Promise<void>
}

const maxConcurrentTasks = 20
/**
 * Tasks are leased when their slot is this close. Leasing them earlier would keep them from other gateways, and from this one
 * for a whole lease if it is killed.
 */
const leasedAheadMs = 100
/** How long a task rests after its work has failed. */
const retryAfterErrorMs = 10_000
/** One task that always fails must not be logged as an outage that comes and goes. */
const outageQuietMs = 60_000

type PollState =
  /** A timer is set for the next poll. */
  | 'scheduled'
  | 'polling'
  /** Another poll follows at once. */
  | 'polling-again'
  | 'stopped'

export function createPoller(options: PollerOptions): Poller {
  const { provider, queue, clock, work, log, readsPerSecond, pollIntervalMs } = options
  const slotsAhead = Math.floor((readsPerSecond * leasedAheadMs) / 1_000)
  const maxWaiting = Math.max(1, Math.min(slotsAhead, maxConcurrentTasks))
  const underWay = new Set<Promise<void>>()
  /** The leased tasks that still wait for their slot. */
  const waiting = new Set<Task>()
  let state: PollState = 'scheduled'
  let currentPoll: Promise<void> | null = null
  let timer: NodeJS.Timeout | undefined
  /** Whether the last poll may have left due tasks behind. */
  let mayBeMoreDue = false
  let lastLeaseMs = 0
  const outage = createOutageLog({
    log,
    level: 'error',
    downMessage: 'checks fail',
    upMessage: 'checks succeed again',
    detail: { provider },
    quietMs: outageQuietMs,
  })

  return {
    poll,
    async stop() {
      state = 'stopped'
      clearTimeout(timer)
      await currentPoll
      await Promise.all(underWay)
    },
  }

  function poll(): void {
    switch (state) {
      case 'stopped':
      case 'polling-again':
        return
      case 'polling':
        state = 'polling-again'
        return
      case 'scheduled':
        clearTimeout(timer)
        state = 'polling'
        currentPoll = leaseTasks().then(schedule)
    }
  }

  function schedule(): void {
    if (state === 'stopped') return
    const isNeededAgain = state === 'polling-again' || shouldLeaseMore()
    state = 'scheduled'
    if (isNeededAgain) poll()
    else timer = setTimeout(poll, pollIntervalMs).unref()
  }

  function roomLeft(): number {
    return Math.min(maxConcurrentTasks - underWay.size, maxWaiting - waiting.size)
  }

  /** Whether half of the waiting tasks have got their slot: a lease is a write, so at a high rate it takes several tasks. */
  function shouldLeaseMore(): boolean {
    return mayBeMoreDue && roomLeft() > 0 && waiting.size <= maxWaiting / 2
  }

  /** Leases as many due tasks as there is room for, and begins to work on them. */
  async function leaseTasks(): Promise<void> {
    const room = roomLeft()
    mayBeMoreDue = true
    if (room <= 0) return
    try {
      const leaseUntilMs = newLease()
      const due = await queue.leaseDue(provider, clock.nowMs(), leaseUntilMs, room)
      mayBeMoreDue = due.length === room
      if (due.length === 0) return
      const lease = holdLease({
        queue,
        taskIds: due.map(({ id }) => id),
        leaseUntilMs,
        newLease,
        onError: (error) => logError(error, 'renewing a lease'),
      })
      for (const task of due) begin(task, lease)
    } catch (error) {
      mayBeMoreDue = false
      logError(error, 'leasing due tasks')
    }
  }

  function begin(task: Task, lease: Lease): void {
    waiting.add(task)
    const done = workOn(task, lease).finally(() => {
      underWay.delete(done)
      waiting.delete(task)
      if (shouldLeaseMore()) poll()
    })
    underWay.add(done)
  }

  async function workOn(task: Task, lease: Lease): Promise<void> {
    try {
      const onSlot = () => {
        if (waiting.delete(task) && shouldLeaseMore()) poll()
      }
      const dueAtMs = await work(task, onSlot).catch((error: unknown) => {
        logError(error, 'checking a task', task.id)
        return clock.nowMs() + retryAfterErrorMs
      })
      await queue.release(task.id, await lease.release(task.id), dueAtMs)
      outage.worked()
    } catch (error) {
      // The task becomes due again when its lease ends.
      logError(error, 'releasing a task', task.id)
    }
  }

  /** The end of a new lease. It identifies the lease, so no two leases of this gateway end at the same time. */
  function newLease(): number {
    lastLeaseMs = Math.max(clock.nowMs() + leaseMs, lastLeaseMs + 1)
    return lastLeaseMs
  }

  function logError(error: unknown, doing: string, taskId?: string): void {
    // The store itself logs that it is unavailable.
    if (error instanceof StoreUnavailableError) log.debug({ provider, taskId, doing }, 'the store is unavailable')
    else outage.failed({ doing, taskId, err: error })
  }
}
