import { keepClaim, leaseMs, type Claim } from './claim.ts'
import { StoreUnavailableError } from './separation/errors.ts'
import type { Log, Store } from './separation/ports.ts'
import type { Separations } from './separation/separations.ts'
import type { ProviderName, Task } from './separation/task.ts'

export interface CheckerOptions {
  readonly separations: Pick<Separations, 'check'>
  readonly store: Pick<Store, 'nowMs' | 'claimDue' | 'renew' | 'release'>
  readonly providers: readonly ProviderName[]
  readonly log: Log
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
/** How long a task rests whose check went wrong. */
const restAfterErrorMs = 10_000

export function createChecker({ separations, store, providers, log, lookEveryMs }: CheckerOptions): Checker {
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
    let looking: Promise<void> | null = null
    let lookAgain = false
    let hasStopped = false
    let timer: NodeJS.Timeout | undefined
    // No two claims share one: by its lease a claim is told from a later one of the same task.
    let lastLeaseMs = 0

    function look(): void {
      if (hasStopped) return
      if (looking !== null) {
        lookAgain = true
        return
      }
      clearTimeout(timer)
      lookAgain = false
      looking = claim().then((mayBeMore) => {
        looking = null
        if (hasStopped) return
        if (mayBeMore || lookAgain) look()
        else timer = setTimeout(look, lookEveryMs).unref()
      })
    }

    /** Starts a check for each task that is due, as far as there is room; tells whether there may be more of them. */
    async function claim(): Promise<boolean> {
      const room = maxAtATime - underWay.size
      if (room <= 0) return false
      try {
        const leaseUntilMs = newLease()
        const due = await store.claimDue(provider, store.nowMs(), leaseUntilMs, room)
        if (due.length === 0) return false
        const claimed = keepClaim({
          store,
          taskIds: due.map(({ id }) => id),
          leaseUntilMs,
          newLease,
          onError: (error) => complain(error, { provider }, 'a claim could not be renewed'),
        })
        for (const task of due) {
          const done = checkOne(task, claimed).finally(() => {
            underWay.delete(done)
            if (underWay.size === maxAtATime - 1) look()
          })
          underWay.add(done)
        }
        return due.length === room && underWay.size < maxAtATime
      } catch (error) {
        complain(error, { provider }, 'due tasks could not be looked for')
        return false
      }
    }

    function newLease(): number {
      lastLeaseMs = Math.max(store.nowMs() + leaseMs, lastLeaseMs + 1)
      return lastLeaseMs
    }

    async function checkOne(task: Task, claimed: Claim): Promise<void> {
      try {
        const dueAtMs = await separations.check(task).catch((error: unknown) => {
          complain(error, { provider, taskId: task.id }, 'a check went wrong')
          return store.nowMs() + restAfterErrorMs
        })
        await store.release(task.id, await claimed.letGo(task.id), dueAtMs)
      } catch (error) {
        complain(
          error,
          { provider, taskId: task.id },
          'a check could not be ended; it is taken up again when its lease ends',
        )
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

  function complain(error: unknown, detail: object, message: string): void {
    log[error instanceof StoreUnavailableError ? 'warn' : 'error']({ ...detail, err: error }, message)
  }
}
