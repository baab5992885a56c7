import type { DatabaseAddress } from '../stores/database/database-url.ts'
import { describeDatabase } from '../stores/database/database-url.ts'
import { formatSkew, refuseAboveMs, warnAboveMs } from '../stores/postgres/clock-skew.ts'
import type { DatabaseInspection } from '../stores/database-inspection.ts'
import { error, ok, warning, type Check, type Finding } from './check.ts'

/** Checks that the database can be used, says what the start would migrate, and compares its clock. Changes nothing. */
export function databaseChecks(database: DatabaseAddress, inspection: Promise<DatabaseInspection>): readonly Check[] {
  const name = describeDatabase(database)
  if (name === ':memory:') {
    return [{ name: 'database', run: async () => warning('is in memory: everything is lost when the gateway stops') }]
  }
  return [
    { name: 'database', run: async () => judge(name, await inspection) },
    ...(database.kind === 'postgres'
      ? [{ name: 'clock', isSilentWithoutAnswer: true, run: async () => judgeClock(await inspection) }]
      : []),
  ]
}

function judge(name: string, { problem, incompatible, isNew, pending }: DatabaseInspection): Finding {
  if (problem !== null) return error(`${name} ${problem}`)
  if (incompatible.length > 0) {
    const message = 'was migrated by a newer version, in ways that this version does not know'
    return error(`${name} ${message}: ${incompatible.join(', ')}`)
  }
  if (isNew) return ok(`${name} can be written, and is new: the start creates its tables`)
  const migrations = pending.length > 0 ? `the start migrates it: ${pending.join(', ')}` : 'it needs no migration'
  return ok(`${name} can be written; ${migrations}`)
}

function judgeClock({ problem, skewMs }: DatabaseInspection): Finding | null {
  if (problem !== null) return null
  if (skewMs === null) return error('the database could not be asked for its time')
  const message = `this machine's clock is ${formatSkew(skewMs)} the database's`
  if (Math.abs(skewMs) > refuseAboveMs) return error(`${message}: correct it (NTP)`)
  return Math.abs(skewMs) > warnAboveMs ? warning(`${message}: use NTP`) : ok(message)
}
