import type { Kysely } from 'kysely'
import type { WorkLeases } from '../../separation/store/work-leases.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { rowsWrittenBy } from '../database/job.ts'
import type { Database } from '../database/tables.ts'

/** See `WorkLeases`. The end of a lease identifies it. */
export function createWorkLeases(db: Kysely<Database>, { write }: Pick<DatabaseTraits, 'write'>): WorkLeases {
  return {
    takeLease: (name, nowMs, untilMs) =>
      write(function* () {
        const taken = yield* rowsWrittenBy(
          db
            .insertInto('leases')
            .values({ name, until: untilMs })
            .onConflict((conflict) =>
              conflict.column('name').doUpdateSet({ until: untilMs }).where('leases.until', '<=', nowMs),
            ),
        )
        return taken > 0
      }),
    extendLease: (name, untilMs, newUntilMs) =>
      write(function* () {
        const extended = yield* rowsWrittenBy(
          db.updateTable('leases').set({ until: newUntilMs }).where('name', '=', name).where('until', '=', untilMs),
        )
        return extended > 0
      }),
  }
}
