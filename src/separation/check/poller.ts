import type { Log } from '../../runtime/log.ts'
import { createOutageLog } from '../../runtime/outage-log.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { CheckQueue, Clock } from '../store.ts'
import type { ProviderName, Task } from '../task.ts'
import { holdLease, leaseMs, type Lease } from './lease.ts'
import { createSeats } from './seats.ts'

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
  /** The provider's rate limit for reads. Called at each use, as it may be replaced. */
  readonly readsPerSecond: () => number
  /** The time between two polls for due tasks, in milliseconds. */
  readonly pollIntervalMs: number
}

/** The permission to work on one task now. */
export interface Seat {
  /** The lease to take of the task. */
  readonly leaseUntilMs: number
  /** Begins to work on the task, which is leased until `leaseUntilMs`. */
  begin(task: Task): void
  /** Gives the seat back. */
  leave(): void
}

export type Reservation =
  | Seat
  /** This gateway works on the task already. */
  | 'under-way'
  /** The provider's rate is used up: the task would have to wait for its slot. */
  | 'full'

/** Leases the due tasks of one provider and works on them. */
export interface Poller {
  /** Polls now. */
  poll(): void
  /** Reserves a seat for a task that is about to be leased. Each seat is used or given back. */
  reserve(taskId: string): Reservation
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
  const slotsAhead = () => Math.floor((readsPerSecond() * leasedAheadMs) / 1_000)
  const maxWaiting = () => Math.max(1, Math.min(slotsAhead(), maxConcurrentTasks))
  const seats = createSeats({ max: maxConcurrentTasks, maxWaiting })
  const underWay = new Set<Promise<void>>()
  /** How many tasks the poll that runs now is expected to lease. */
  let expected = 0
  let state: PollState = 'scheduled'
  let currentPoll: Promise<void> | null = null
  let timer: NodeJS.Timeout | undefined
  /** Whether the last poll may have left due tasks behind. */
  let mayBeMoreDue = false
  let lastLeaseMs = 0
  /** When the last slot was given, in the time of performance.now(). */
  let lastSlotMs = -Infinity
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
    reserve,
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

  function reserve(taskId: string): Reservation {
    if (seats.has(taskId)) return 'under-way'
    const isSlotNear = lastSlotMs + 1_000 / readsPerSecond() - performance.now() <= leasedAheadMs
    if (state === 'stopped' || !isSlotNear || seats.free() <= expected) return 'full'
    const leaseUntilMs = newLease()
    seats.take(taskId)
    return {
      leaseUntilMs,
      begin: (task) => begin(task, hold([taskId], leaseUntilMs)),
      leave: () => leave(taskId),
    }
  }

  function leave(taskId: string): void {
    seats.leave(taskId)
    if (shouldLeaseMore()) poll()
  }

  /** Whether half of the waiting tasks have got their slot: a lease is a write, so at a high rate it takes several tasks. */
  function shouldLeaseMore(): boolean {
    return mayBeMoreDue && seats.free() > 0 && seats.isHalfFree()
  }

  /** Leases as many due tasks as there is room for, and begins to work on them. */
  async function leaseTasks(): Promise<void> {
    const room = seats.free()
    const wasMoreDue = mayBeMoreDue
    mayBeMoreDue = true
    if (room <= 0) return
    expected = wasMoreDue ? room : 0
    try {
      const leaseUntilMs = newLease()
      const due = await queue.leaseDue(provider, clock.nowMs(), leaseUntilMs, room)
      mayBeMoreDue = due.length === room
      if (due.length === 0) return
      const taskIds = due.map(({ id }) => id)
      taskIds.forEach(seats.take)
      const lease = hold(taskIds, leaseUntilMs)
      for (const task of due) begin(task, lease)
    } catch (error) {
      mayBeMoreDue = false
      logError(error, 'leasing due tasks')
    } finally {
      expected = 0
    }
  }

  function hold(taskIds: readonly string[], leaseUntilMs: number): Lease {
    const onError = (error: unknown) => logError(error, 'renewing a lease')
    return holdLease({ queue, taskIds, leaseUntilMs, newLease, onError })
  }

  function begin(task: Task, lease: Lease): void {
    const done = workOn(task, lease).finally(() => {
      underWay.delete(done)
      leave(task.id)
    })
    underWay.add(done)
  }

  async function workOn(task: Task, lease: Lease): Promise<void> {
    try {
      const onSlot = () => {
        lastSlotMs = performance.now()
        if (seats.gotSlot(task.id) && shouldLeaseMore()) poll()
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
