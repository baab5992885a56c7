import { keepClaim, leaseMs, type Claim } from './lease.ts'
import { StoreUnavailableError } from '../errors.ts'
import { createOutage } from '../../runtime/outage-log.ts'
import type { Separations } from '../separations.ts'
import type { ProviderName, Task } from '../task.ts'
import type { Log } from '../../runtime/log.ts'
import type { Store } from '../store.ts'

export interface CheckerOptions {
  readonly separations: Pick<Separations, 'check'>
  readonly store: Pick<Store, 'nowMs' | 'claimDue' | 'renew' | 'release'>
  readonly providers: readonly ProviderName[]
  readonly log: Log
  /** The pace of each provider's reads. */
  readonly readsPerSecond: number
  /** How often it is looked for due tasks, in milliseconds. */
  readonly lookEveryMs: number
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
const maxAtATime = 20
/**
 * Tasks are claimed when their turn to be asked for comes within this time. A claim that waited longer would keep the task
 * from the other gateways, and from this one for the length of a lease if it is killed.
 */
const claimedAheadMs = 100
/** How long a task rests whose check went wrong. */
const restAfterErrorMs = 10_000
/** One task that always goes wrong is not to be logged as an outage that comes and goes. */
const quietAfterErrorMs = 60_000

export function createChecker(options: CheckerOptions): Checker {
  const { separations, store, providers, log, readsPerSecond, lookEveryMs } = options
  const turnsAhead = Math.floor((readsPerSecond * claimedAheadMs) / 1_000)
  const maxWaiting = Math.max(1, Math.min(turnsAhead, maxAtATime))
  const rounds = new Map(providers.map((provider) => [provider, createRounds(provider)]))

  return {
    start() {
      for (const round of rounds.values()) round.look()
    },
    wake: (provider) => rounds.get(provider)?.look(),
    async stop() {
      await Promise.all([...rounds.values()].map((round) => round.stop()))
    },
  }

  function createRounds(provider: ProviderName) {
    const underWay = new Set<Promise<void>>()
    /** The claimed tasks that still wait for their turn to be asked for. */
    const waiting = new Set<Task>()
    /** Whether more tasks may be due than there was room for. */
    let isMoreDue = false
    let looking: Promise<void> | null = null
    let lookAgain = false
    let hasStopped = false
    let timer: NodeJS.Timeout | undefined
    // No two claims share one: by its lease a claim is told from a later one of the same task.
    let lastLeaseMs = 0
    const outage = createOutage({
      log,
      level: 'error',
      away: 'checks go wrong',
      back: 'checks go well again',
      detail: { provider },
      quietMs: quietAfterErrorMs,
    })

    /** The store logs that it is away. */
    function complain(error: unknown, doing: string, taskId?: string): void {
      if (error instanceof StoreUnavailableError) log.debug({ provider, taskId, doing }, 'the store is away')
      else outage.failed({ doing, taskId, err: error })
    }

    function look(): void {
      if (hasStopped) return
      if (looking !== null) {
        lookAgain = true
        return
      }
      clearTimeout(timer)
      lookAgain = false
      looking = claim().then(() => {
        looking = null
        if (hasStopped) return
        if (lookAgain || shouldClaimMore()) look()
        else timer = setTimeout(look, lookEveryMs).unref()
      })
    }

    function roomLeft(): number {
      return Math.min(maxAtATime - underWay.size, maxWaiting - waiting.size)
    }

    /** Starts a check for each task that is due, as far as there is room. */
    async function claim(): Promise<void> {
      const room = roomLeft()
      isMoreDue = true
      if (room <= 0) return
      try {
        const leaseUntilMs = newLease()
        const due = await store.claimDue(provider, store.nowMs(), leaseUntilMs, room)
        isMoreDue = due.length === room
        if (due.length === 0) return
        const claimed = keepClaim({
          store,
          taskIds: due.map(({ id }) => id),
          leaseUntilMs,
          newLease,
          onError: (error) => complain(error, 'renewing a claim'),
        })
        for (const task of due) {
          waiting.add(task)
          const done = checkOne(task, claimed).finally(() => {
            underWay.delete(done)
            waiting.delete(task)
            if (shouldClaimMore()) look()
          })
          underWay.add(done)
        }
      } catch (error) {
        isMoreDue = false
        complain(error, 'looking for due tasks')
      }
    }

    /** At a fast pace several tasks at a time: a claim is a write of its own. */
    function shouldClaimMore(): boolean {
      return isMoreDue && roomLeft() > 0 && waiting.size <= maxWaiting / 2
    }

    function newLease(): number {
      lastLeaseMs = Math.max(store.nowMs() + leaseMs, lastLeaseMs + 1)
      return lastLeaseMs
    }

    async function checkOne(task: Task, claimed: Claim): Promise<void> {
      try {
        const onTurn = () => {
          if (waiting.delete(task) && shouldClaimMore()) look()
        }
        const dueAtMs = await separations.check(task, onTurn).catch((error: unknown) => {
          complain(error, 'checking a task', task.id)
          return store.nowMs() + restAfterErrorMs
        })
        await store.release(task.id, await claimed.letGo(task.id), dueAtMs)
        outage.worked()
      } catch (error) {
        // It is taken up again when its lease ends.
        complain(error, 'ending a check', task.id)
      }
    }

    return {
      look,
      async stop() {
        hasStopped = true
        clearTimeout(timer)
        await looking
        await Promise.all(underWay)
      },
    }
  }
}
