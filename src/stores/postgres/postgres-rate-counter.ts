import { sql, type Kysely } from 'kysely'
import type { RateCounter } from '../../separation/store/rate-counter.ts'
import type { Run } from '../database/database-traits.ts'
import { firstRowOf, rowsWrittenBy } from '../database/job.ts'
import type { Database } from '../database/tables.ts'

/** A turn further ahead than both of these is left from before the clock was set back. Each gateway waits for one turn at most. */
const longestAhead = { ms: 10_000, turns: 20 } as const

/** Counts rates in PostgreSQL, by its clock: see `rate-tables.ts`. */
export function createPostgresRateCounter(db: Kysely<Database>, run: Run): RateCounter {
  return {
    takeOrderSlot: ({ provider, caller, name, mayTake, limit, share, waitingAll, waitingOwn, windowMs }) =>
      run(function* () {
        const row = yield* firstRowOf(
          sql<{ is_taken: boolean; free_in_ms: number; is_full: boolean; is_share_used: boolean }>`
            select * from take_order_slot(${provider}, ${caller}, ${name}, ${mayTake}, ${limit}, ${share},
              ${waitingAll}, ${waitingOwn}, ${windowMs})`.compile(db),
        )
        if (row === undefined) throw new Error('PostgreSQL returned no slot.')
        return {
          isTaken: row.is_taken,
          freeInMs: row.free_in_ms,
          isFull: row.is_full,
          isShareUsed: row.is_share_used,
        }
      }),

    renewOrderSlot: ({ name, provider, caller }) =>
      run(function* () {
        yield* rowsWrittenBy(
          sql`
            insert into order_slots (name, provider, caller, taken_at)
            values (${name}, ${provider}, ${caller}, extract(epoch from clock_timestamp()) * 1000)
            on conflict (name) do update set taken_at = excluded.taken_at`.compile(db),
        )
      }),

    freeOrderSlot: ({ name }) =>
      run(function* () {
        yield* rowsWrittenBy(sql`delete from order_slots where name = ${name}`.compile(db))
      }),

    // Each gateway is given its next turn, so gateways that wait ask once for each turn, and not until one is free.
    takeReadSlots: ({ provider, count, slots, everyMs }) =>
      run(function* () {
        const taken = Math.min(count, slots)
        const lastsMs = (everyMs * taken) / slots
        const aheadMs = Math.max(longestAhead.ms, longestAhead.turns * everyMs)
        const row = yield* firstRowOf(
          sql<{ in_ms: number }>`
            insert into read_slots as turn (provider, free_at)
            values (${provider}, extract(epoch from clock_timestamp())::float8 * 1000 + ${lastsMs}::float8)
            on conflict (provider) do update set free_at = greatest(excluded.free_at,
              least(turn.free_at, excluded.free_at + ${aheadMs}::float8) + ${lastsMs}::float8)
            returning free_at - ${lastsMs}::float8 - extract(epoch from clock_timestamp())::float8 * 1000 as in_ms
          `.compile(db),
        )
        if (row === undefined) throw new Error('PostgreSQL returned no turn.')
        return { taken, inMs: Math.max(0, row.in_ms) }
      }),
  }
}
