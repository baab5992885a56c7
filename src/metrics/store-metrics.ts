import { DuplicateBindingError, StoreUnavailableError, TooManyMatchesError } from '../separation/errors.ts'
import type { StoreObserver, StoreOperation } from '../stores/database/store-observer.ts'
import type { Meter } from './meter.ts'

const workBuckets = [0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 20]

export function createStoreMetrics(meter: Meter): StoreObserver {
  const times = meter.histogram({
    name: 'stemgate_store_operation_seconds',
    help: 'Time of the work on the database, with the wait for a connection and repetitions. revisions: whether kept answers are current, for many requests at once.',
    labels: ['operation'],
    buckets: workBuckets,
  })
  const errors = meter.counter({
    name: 'stemgate_store_errors_total',
    help: 'Work on the database that failed. unavailable: the database could not do it in time. internal: a bug, which is logged.',
    labels: ['operation', 'kind'],
  })
  const skew = meter.gauge({
    name: 'stemgate_clock_skew_seconds',
    help: "How far the clock of the database's server is ahead of the gateway's. 0 with SQLite.",
  })
  const timeOf = {
    read: times.labels({ operation: 'read' }),
    write: times.labels({ operation: 'write' }),
    revisions: times.labels({ operation: 'revisions' }),
  } satisfies Record<StoreOperation, unknown>
  for (const operation of Object.keys(timeOf)) {
    for (const kind of ['unavailable', 'internal']) errors.inc({ operation, kind }, 0)
  }

  return {
    async measure(operation, work) {
      const sinceMs = performance.now()
      try {
        return await work()
      } catch (error) {
        const kind = errorKindOf(error)
        if (kind !== null) errors.inc({ operation, kind })
        throw error
      } finally {
        timeOf[operation].observe((performance.now() - sinceMs) / 1_000)
      }
    },
    clockSkew: (skewMs) => skew.set(skewMs / 1_000),
  }
}

/** null: the store did its work, and the caller asked for something that it refuses. */
function errorKindOf(error: unknown): 'unavailable' | 'internal' | null {
  if (error instanceof StoreUnavailableError) return 'unavailable'
  return error instanceof DuplicateBindingError || error instanceof TooManyMatchesError ? null : 'internal'
}
