import { holdLease, leaseMs, type Lease } from './lease.ts'
import { StoreUnavailableError } from '../errors.ts'
import { createOutageLog } from '../../runtime/outage-log.ts'
import type { Separations } from '../separations.ts'
import type { ProviderName, Task } from '../task.ts'
import type { Log } from '../../runtime/log.ts'
import type { Store } from '../store.ts'

export interface CheckerOptions {
  readonly separations: Pick<Separations, 'check'>
  readonly store: Pick<Store, 'nowMs' | 'leaseDue' | 'renew' | 'release'>
  readonly providers: readonly ProviderName[]
  readonly log: Log
  /** The pace of each provider's reads. */
  readonly readsPerSecond: number
  /** How often it is looked for due tasks, in milliseconds. */
  readonly pollIntervalMs: number
}

/** Asks the providers for the tasks that are due, for each provider by itself, so that a dead one holds up no other. */
export interface Checker {
  start(): void
  /** Looks for due tasks of the provider now. */
  wake(provider: ProviderName): void
  /** Ends the looking and resolves when the checks under way have ended. */
  stop(): Promise<void>
}

/** How many tasks of one provider are asked for at a time; the provider's rate is kept by its client. */
const maxConcurrentChecks = 20
/**
 * Tasks are claimed when their turn to be asked for comes within this time. A claim that waited longer would keep the task
 * from the other gateways, and from this one for the length of a lease if it is killed.
 */
const leasedAheadMs = 100
/** How long a task rests whose check went wrong. */
const retryAfterErrorMs = 10_000
/** One task that always goes wrong is not to be logged as an outage that comes and goes. */
const quietAfterErrorMs = 60_000

export function createChecker(options: CheckerOptions): Checker {
  const { separations, store, providers, log, readsPerSecond, pollIntervalMs } = options
  const slotsAhead = Math.floor((readsPerSecond * leasedAheadMs) / 1_000)
  const maxWaitingForSlot = Math.max(1, Math.min(slotsAhead, maxConcurrentChecks))
  const pollers = new Map(providers.map((provider) => [provider, createPoller(provider)]))

  return {
    start() {
      for (const poller of pollers.values()) poller.poll()
    },
    wake: (provider) => pollers.get(provider)?.poll(),
    async stop() {
      await Promise.all([...pollers.values()].map((poller) => poller.stop()))
    },
  }

  function createPoller(provider: ProviderName) {
    const underWay = new Set<Promise<void>>()
    /** The claimed tasks that still wait for their turn to be asked for. */
    const waiting = new Set<Task>()
    /** Whether more tasks may be due than there was room for. */
    let mayBeMoreDue = false
    let polling: Promise<void> | null = null
    let pollAgain = false
    let hasStopped = false
    let timer: NodeJS.Timeout | undefined
    // No two claims share one: by its lease a claim is told from a later one of the same task.
    let lastLeaseMs = 0
    const outage = createOutageLog({
      log,
      level: 'error',
      downMessage: 'checks go wrong',
      upMessage: 'checks go well again',
      detail: { provider },
      quietMs: quietAfterErrorMs,
    })

    /** The store logs that it is away. */
    function logError(error: unknown, doing: string, taskId?: string): void {
      if (error instanceof StoreUnavailableError) log.debug({ provider, taskId, doing }, 'the store is away')
      else outage.failed({ doing, taskId, err: error })
    }

    function poll(): void {
      if (hasStopped) return
      if (polling !== null) {
        pollAgain = true
        return
      }
      clearTimeout(timer)
      pollAgain = false
      polling = leaseTasks().then(() => {
        polling = null
        if (hasStopped) return
        if (pollAgain || shouldLeaseMore()) poll()
        else timer = setTimeout(poll, pollIntervalMs).unref()
      })
    }

    function roomLeft(): number {
      return Math.min(maxConcurrentChecks - underWay.size, maxWaitingForSlot - waiting.size)
    }

    /** Starts a check for each task that is due, as far as there is room. */
    async function leaseTasks(): Promise<void> {
      const room = roomLeft()
      mayBeMoreDue = true
      if (room <= 0) return
      try {
        const leaseUntilMs = newLease()
        const due = await store.leaseDue(provider, store.nowMs(), leaseUntilMs, room)
        mayBeMoreDue = due.length === room
        if (due.length === 0) return
        const lease = holdLease({
          store,
          taskIds: due.map(({ id }) => id),
          leaseUntilMs,
          newLease,
          onError: (error) => logError(error, 'renewing a claim'),
        })
        for (const task of due) {
          waiting.add(task)
          const done = checkOne(task, lease).finally(() => {
            underWay.delete(done)
            waiting.delete(task)
            if (shouldLeaseMore()) poll()
          })
          underWay.add(done)
        }
      } catch (error) {
        mayBeMoreDue = false
        logError(error, 'looking for due tasks')
      }
    }

    /** At a fast pace several tasks at a time: a claim is a write of its own. */
    function shouldLeaseMore(): boolean {
      return mayBeMoreDue && roomLeft() > 0 && waiting.size <= maxWaitingForSlot / 2
    }

    function newLease(): number {
      lastLeaseMs = Math.max(store.nowMs() + leaseMs, lastLeaseMs + 1)
      return lastLeaseMs
    }

    async function checkOne(task: Task, lease: Lease): Promise<void> {
      try {
        const onSlot = () => {
          if (waiting.delete(task) && shouldLeaseMore()) poll()
        }
        const dueAtMs = await separations.check(task, onSlot).catch((error: unknown) => {
          logError(error, 'checking a task', task.id)
          return store.nowMs() + retryAfterErrorMs
        })
        await store.release(task.id, await lease.release(task.id), dueAtMs)
        outage.worked()
      } catch (error) {
        // It is taken up again when its lease ends.
        logError(error, 'ending a check', task.id)
      }
    }

    return {
      poll,
      async stop() {
        hasStopped = true
        clearTimeout(timer)
        await polling
        await Promise.all(underWay)
      },
    }
  }
}
