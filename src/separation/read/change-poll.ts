import type { Log } from '../../runtime/log.ts'
import { createOutageLog } from '../../runtime/outage-log.ts'
import type { Changes } from '../changes.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { ChangeReader } from '../store/change-reader.ts'

/** Finds the changes of which no hint has come, while somebody watches. */
export interface ChangePoll {
  /**
   * Reads what is watched again and again, until the returned function is called.
   * @param read compares what is stored with what was shown; rejects if the store cannot be read
   */
  join(read: () => Promise<void>): () => void
}

export interface ChangePollOptions {
  readonly reader: Pick<ChangeReader, 'foreignCommits'>
  readonly changes: Pick<Changes, 'hearsOthers'>
  /** From 0 to 1, exclusive. Keeps the gateways of a database from reading in step. */
  readonly random: () => number
  readonly log: Log
}

const intervalMs = 1_000
/** The time between two reads while hints of other gateways arrive. A hint may still be lost, for example while Redis fails over. */
const heardIntervalMs = 30_000

/**
 * Reads once a second while no hints of other gateways arrive, and rarely while they do. A read begins when the one before it has
 * ended, so that a slow database never has two of them to answer. Nothing runs while nobody watches.
 */
export function createChangePoll({ reader, changes, random, log }: ChangePollOptions): ChangePoll {
  const reads = new Set<() => Promise<void>>()
  const outage = createOutageLog({
    log,
    level: 'error',
    downMessage: 'changes that other gateways made could not be read',
    upMessage: 'changes that other gateways made are read again',
  })
  let isPolling = false
  let timer: NodeJS.Timeout | undefined
  let readAtMs = -Infinity
  let commits: number | null = null

  return {
    join(read) {
      reads.add(read)
      if (timer === undefined && !isPolling) wait()
      return () => {
        if (!reads.delete(read) || reads.size > 0) return
        clearTimeout(timer)
        timer = undefined
      }
    },
  }

  function wait(): void {
    timer = setTimeout(poll, intervalMs * (0.8 + 0.2 * random())).unref()
  }

  function poll(): void {
    isPolling = true
    timer = undefined
    readIfDue()
      .then(outage.worked, (error: unknown) => {
        // The store itself logs that it is unavailable.
        if (!(error instanceof StoreUnavailableError)) outage.failed({ err: error })
      })
      .finally(() => {
        isPolling = false
        if (reads.size > 0) wait()
      })
  }

  async function readIfDue(): Promise<void> {
    const isHeard = await changes.hearsOthers()
    if (isHeard && performance.now() - readAtMs < heardIntervalMs) return
    const beganAtMs = performance.now()
    // Asked first: what is read afterwards is at least as new.
    const latest = await reader.foreignCommits()
    if (latest === null || latest !== commits) for (const read of reads) await read()
    commits = latest
    readAtMs = beganAtMs
  }
}
