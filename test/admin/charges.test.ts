import { TypeID } from 'typeid-js'
import { expect, test } from 'vitest'
import { adminJson, runAdmin, storeTasks } from '../support/admin.ts'
import { startGateway } from '../support/gateway.ts'
import { startPlayedProvider } from '../support/played-provider.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'

/** An id of this time. */
function idAt(atMs: number, nth: number): string {
  const time = atMs.toString(16).padStart(12, '0')
  const uuid = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(nth).padStart(12, '0')}`
  return TypeID.fromUUID('sep', uuid).toString()
}

async function startWithOrders() {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    KIE_PRICES: 'separate_vocal:10,split_stem:50',
    APIKLEY_PRICES: 'separate_vocal:7',
  })
  let nth = 0
  const on = (day: string) => {
    nth += 1
    const createdAtMs = Date.parse(`${day}T12:00:00Z`)
    return { id: idAt(createdAtMs, nth), providerTaskId: `task-${nth}`, createdAtMs, musicTaskId: 'music' }
  }
  await storeTasks(gateway, [
    succeededTask({ ...on('2026-01-31'), owner: 'key:web', type: 'separate_vocal' }),
    succeededTask({ ...on('2026-02-01'), owner: 'key:web', type: 'separate_vocal' }),
    succeededTask({ ...on('2026-02-01'), owner: 'key:web', type: 'split_stem' }),
    failedTask({ ...on('2026-02-02'), owner: 'key:app', type: 'separate_vocal' }),
    failedTask({ ...on('2026-02-02'), owner: 'key:app', type: 'separate_vocal', charge: 'NONE' }),
    pendingTask({ ...on('2026-02-02'), owner: '=1+1', type: 'separate_vocal', charge: 'MAYBE' }),
    succeededTask({ ...on('2026-02-02'), owner: 'key:app', provider: 'apikley', type: 'split_stem' }),
    succeededTask({ ...on('2026-03-01'), owner: 'key:app', provider: 'sandbox', type: 'split_stem' }),
    // Adopted: it was not ordered here.
    succeededTask({ ...on('2026-02-02'), owner: 'key:app', musicTaskId: null }),
  ])
  return gateway
}

const february = ['--from', '2026-02-01', '--to', '2026-02-28']

test('charges are counted by provider, with the credits that are known', async () => {
  const gateway = await startWithOrders()
  expect(await adminJson(gateway, 'charges', ...february)).toEqual({
    from: '2026-02-01',
    to: '2026-02-28',
    by: ['provider'],
    groups: [
      { provider: 'apikley', orders: 1, charged: 1, maybe: 0, credits: null },
      { provider: 'kie', orders: 5, charged: 3, maybe: 1, credits: 70 },
    ],
    total: { orders: 6, charged: 4, maybe: 1, credits: null },
  })
})

test('charges are counted by several things at once, from the first to the last day', async () => {
  const gateway = await startWithOrders()
  const { stdout } = await runAdmin(gateway, 'charges', '--by', 'owner,day', '--from=2026-01-31', '--to=2026-02-02')
  const table = stdout.split('\n').map((line) => line.split(/ {2,}/).map((cell) => cell.trim()))
  expect(table.slice(0, -1)).toEqual([
    ['From 2026-01-31 to 2026-02-02 (UTC)'],
    [''],
    ['DAY', 'OWNER', 'ORDERS', 'CHARGED', 'MAYBE', 'CREDITS'],
    ['2026-01-31', 'key:web', '1', '1', '0', '10'],
    ['2026-02-01', 'key:web', '2', '2', '0', '60'],
    ['2026-02-02', '=1+1', '1', '0', '1', '0'],
    ['2026-02-02', 'key:app', '3', '2', '0', '-'],
    ['total', '7', '5', '1', '-'],
  ])
})

test('charges are printed as CSV, in which no caller can put a formula', async () => {
  const gateway = await startWithOrders()
  const { stdout } = await runAdmin(gateway, 'charges', '--csv', '--by=owner', ...february)
  expect(stdout).toBe("owner,orders,charged,maybe,credits\r\n'=1+1,1,0,1,0\r\nkey:app,3,2,0,\r\nkey:web,2,2,0,60\n")
})

test('a span of days that ends before it begins is refused', async () => {
  const gateway = await startWithOrders()
  const refusalOf = async (...args: readonly string[]) => (await runAdmin(gateway, 'charges', ...args)).stderr
  expect(await refusalOf('--from=2026-02-02', '--to=2026-02-01')).toBe('--from must not be after --to.\n')
  expect(await refusalOf('--from=9999-01-01')).toBe('--from must not be after today.\n')
})

test('orders of the sandbox are counted at its own prices', async () => {
  const gateway = await startWithOrders()
  expect(await adminJson(gateway, 'charges', '--from=2026-03-01', '--to=2026-03-31')).toMatchObject({
    groups: [{ provider: 'sandbox', orders: 1, charged: 1, maybe: 0, credits: 50 }],
  })
})

test('without orders there is nothing to count, and without the environment of a gateway there are no credits', async () => {
  const gateway = await startWithOrders()
  expect((await runAdmin(gateway, 'charges', '--to=2020-01-31')).stdout).toBe(
    'Nothing was ordered from 2020-01-01 to 2020-01-31.\n',
  )
  const bare = { environment: { DATABASE_URL: gateway.environment['DATABASE_URL'] ?? '', PORT: 'none' } }
  const { code, stdout, stderr } = await runAdmin(bare, 'charges', ...february)
  expect(code).toBe(0)
  expect(stdout).toMatch(/^kie +5 +3 +1 +-$/m)
  expect(stderr).toContain('Credits are not shown')
})

test.each([
  { args: ['--by', 'month'], says: 'Unknown grouping. It can be day, owner, provider, or type.' },
  { args: ['--from', '2026-02-30'], says: '--from must be a day such as 2027-01-15.' },
  { args: ['--to', 'today'], says: '--to must be a day such as 2027-01-15.' },
])('charges are refused with $args', async ({ args, says }) => {
  const { code, stderr } = await runAdmin({ environment: {} }, 'charges', ...args)
  expect({ code, stderr }).toEqual({ code: 1, stderr: `${says}\n` })
})
