import type { Log } from '../../runtime/log.ts'
import { createOutageLog } from '../../runtime/outage-log.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { DueQueue } from '../store/due-queue.ts'
import type { Clock } from '../store/clock.ts'
import { holdLease, leaseMs, type Lease } from './lease.ts'
import { createSeats } from './seats.ts'

/** What is due: a task, or something that has a task's id. */
export interface DueItem {
  readonly id: string
}

/**
 * Work on something due. Resolves to when it is due next, in milliseconds since 1970, or null for never.
 * @param onSlot to be called once the work has its slot within the rate
 */
export type Work<Item extends DueItem> = (item: Item, onSlot: () => void) => Promise<number | null>

export interface PollerOptions<Item extends DueItem> {
  readonly queue: DueQueue<Item>
  readonly clock: Clock
  readonly work: Work<Item>
  readonly log: Log
  /** What the log calls the work, such as `checks`. */
  readonly name: string
  /** Fields of every line of the log. */
  readonly detail?: object
  /** How much work may begin in a second. Infinity: `maxConcurrent` is the only limit. Called at each use, as it may be replaced. */
  readonly ratePerSecond: () => number
  readonly maxConcurrent?: number
  /** The time between two polls for what is due, in milliseconds. */
  readonly pollIntervalMs: number
}

/** The permission to work on one task now. */
export interface Seat<Item extends DueItem> {
  /** The lease to take of the task. */
  readonly leaseUntilMs: number
  /** Begins to work on the task, which is leased until `leaseUntilMs`. */
  begin(item: Item): void
  /** Gives the seat back. */
  leave(): void
}

export type Reservation<Item extends DueItem> =
  | Seat<Item>
  /** This gateway works on the task already. */
  | 'under-way'
  /** The rate is used up: the task would have to wait for its slot. */
  | 'full'

/** Leases what is due, in one queue, and works on it. */
export interface Poller<Item extends DueItem> {
  /** Polls now. */
  poll(): void
  /** Reserves a seat for a task that is about to be leased. Each seat is used or given back. */
  reserve(taskId: string): Reservation<Item>
  /** Stops polling, and resolves when the work under way has ended. */
  stop(): Promise<void>
}

const defaultMaxConcurrent = 20
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

export function createPoller<Item extends DueItem>(options: PollerOptions<Item>): Poller<Item> {
  const { queue, clock, work, log, name, detail = {}, ratePerSecond, pollIntervalMs } = options
  const { maxConcurrent = defaultMaxConcurrent } = options
  const slotsAhead = () => Math.floor((ratePerSecond() * leasedAheadMs) / 1_000)
  const maxWaiting = () => Math.max(1, Math.min(slotsAhead(), maxConcurrent))
  const seats = createSeats({ max: maxConcurrent, maxWaiting })
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
    downMessage: `${name} fail`,
    upMessage: `${name} succeed again`,
    detail: { outage: name.replace(' ', '-'), ...detail },
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

  function reserve(taskId: string): Reservation<Item> {
    if (seats.has(taskId)) return 'under-way'
    const isSlotNear = lastSlotMs + 1_000 / ratePerSecond() - performance.now() <= leasedAheadMs
    if (state === 'stopped' || !isSlotNear || seats.free() <= expected) return 'full'
    const leaseUntilMs = newLease()
    seats.take(taskId)
    return {
      leaseUntilMs,
      begin: (item) => begin(item, hold([taskId], leaseUntilMs)),
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
      const due = await queue.leaseDue(clock.nowMs(), leaseUntilMs, room)
      mayBeMoreDue = due.length === room
      if (due.length === 0) return
      const taskIds = due.map(({ id }) => id)
      taskIds.forEach(seats.take)
      const lease = hold(taskIds, leaseUntilMs)
      for (const item of due) begin(item, lease)
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

  function begin(item: Item, lease: Lease): void {
    const done = workOn(item, lease).finally(() => {
      underWay.delete(done)
      leave(item.id)
    })
    underWay.add(done)
  }

  async function workOn(item: Item, lease: Lease): Promise<void> {
    try {
      const onSlot = () => {
        lastSlotMs = performance.now()
        if (seats.gotSlot(item.id) && shouldLeaseMore()) poll()
      }
      const dueAtMs = await work(item, onSlot).catch((error: unknown) => {
        logError(error, 'the work on a task', item.id)
        return clock.nowMs() + retryAfterErrorMs
      })
      // A schedule with jitter has fractions, and PostgreSQL refuses them.
      await queue.release(item.id, await lease.release(item.id), dueAtMs === null ? null : Math.round(dueAtMs))
      outage.worked()
    } catch (error) {
      // The task becomes due again when its lease ends.
      logError(error, 'releasing a task', item.id)
    }
  }

  /** The end of a new lease. It identifies the lease, so no two leases of this gateway end at the same time. */
  function newLease(): number {
    lastLeaseMs = Math.max(clock.nowMs() + leaseMs, lastLeaseMs + 1)
    return lastLeaseMs
  }

  function logError(error: unknown, doing: string, taskId?: string): void {
    // The store itself logs that it is unavailable.
    if (error instanceof StoreUnavailableError) log.debug({ ...detail, taskId, doing }, 'the database is unavailable')
    else outage.failed({ doing, taskId, err: error })
  }
}
