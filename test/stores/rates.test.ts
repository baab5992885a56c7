import { describe, expect, test } from 'vitest'
import type { RateCounter } from '../../src/separation/store/rate-counter.ts'
import { changeRows, newMigratedDatabase, openStoreOf, rowsOf } from '../support/database.ts'
import { findPostgres } from '../support/services.ts'

const hasPostgres = (await findPostgres()) !== null
const windowMs = 400
const limit = 5
const slot = { provider: 'kie', caller: 'caller', mayTake: true, limit, share: limit, windowMs } as const
const noneWaiting = { waitingAll: 0, waitingOwn: 0 }

/** What gateways on one database count with, each over its own connections. */
async function openCounters(count: number, prepare: (database: string) => string = () => 'select 1') {
  const url = await newMigratedDatabase()
  const gateway = { environment: { DATABASE_URL: url } }
  await changeRows(gateway, prepare(new URL(url).pathname.slice(1)), [])
  const open = async (): Promise<RateCounter> => {
    const { rateCounter } = await openStoreOf(gateway)
    if (rateCounter === null) throw new Error('PostgreSQL counts no rates.')
    return rateCounter
  }
  return { gateway, counters: await Promise.all(Array.from({ length: count }, open)) }
}

describe.skipIf(!hasPostgres)('the rates in PostgreSQL', () => {
  test.each(['read committed', 'repeatable read', 'serializable'])(
    'are held by four gateways in every window of its clock, with the default isolation %s',
    async (isolation) => {
      const { gateway, counters } = await openCounters(
        4,
        (database) => `
          alter database ${database} set default_transaction_isolation = '${isolation}';
          -- It takes its time, so that the others ask before the slot is committed.
          create table counted (name text, at double precision);
          create function note_counted() returns trigger language plpgsql as
            $$ begin insert into counted values (new.name, new.taken_at); perform pg_sleep(0.02); return null; end $$;
          create trigger counted after insert or update on order_slots for each row execute function note_counted()`,
      )
      const endsAt = performance.now() + 6 * windowMs
      const orderAgainAndAgain = async (counter: RateCounter, index: number) => {
        for (let turn = 0; performance.now() < endsAt; turn++) {
          const request = { ...slot, ...noneWaiting, name: `${index}/${turn}` }
          const { isTaken } = await counter.takeOrderSlot(request)
          if (isTaken && turn % 2 === 0) await counter.renewOrderSlot(request)
        }
      }
      const orders = counters.flatMap((counter) => [counter, counter, counter])
      await Promise.all(orders.map(orderAgainAndAgain))
      // A slot that is renewed after its window has passed may have been given to another order meanwhile.
      const inTime = `having max(at) - min(at) < ${windowMs}`
      const rows = await rowsOf(gateway, `select max(at) as at from counted group by name ${inTime} order by 1`)
      const sentAtMs = rows.map(({ at }) => Number(at))
      const gapsMs = sentAtMs.slice(limit).map((atMs, index) => atMs - (sentAtMs[index] ?? 0))
      expect(gapsMs.length).toBeGreaterThan(limit)
      expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(windowMs - 0.01)
    },
  )

  test('give each of many gateways a turn of its own, also at a rate of one read in 10 seconds', async () => {
    const { counters } = await openCounters(1)
    const [counter] = counters
    const turnsMs: number[] = []
    for (let gateway = 0; gateway < 8; gateway++) {
      const answer = await counter?.takeReadSlots({ provider: 'kie', count: 1, slots: 1, everyMs: 10_000 })
      turnsMs.push(answer?.inMs ?? 0)
    }
    for (const [index, inMs] of turnsMs.entries()) {
      expect(inMs).toBeLessThanOrEqual(index * 10_000)
      // The turns were asked for one after the other, so the later ones are a bit nearer.
      expect(inMs).toBeGreaterThan(index * 10_000 - 5_000)
    }
  })

  test('go on when the clock was set back by a day', async () => {
    const { gateway, counters } = await openCounters(1)
    const [counter] = counters
    const order = (name: string) => counter?.takeOrderSlot({ ...slot, ...noneWaiting, name })
    const read = () => counter?.takeReadSlots({ provider: 'kie', count: 1, slots: 1, everyMs: 100 })
    for (let index = 0; index < limit; index++) await order(`before/${index}`)
    await order('waits')
    await read()
    await changeRows(gateway, 'update order_slots set taken_at = taken_at + 86400000', [])
    await changeRows(gateway, 'update slot_waiters set waits_until = waits_until + 86400000', [])
    await changeRows(gateway, 'update read_slots set free_at = free_at + 86400000', [])
    expect(await order('after')).toMatchObject({ isTaken: true })
    expect((await read())?.inMs).toBeLessThanOrEqual(10_100)
  })
})
