import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { readMetrics } from '../support/metrics.ts'
import { rowsOf } from '../support/database.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'

/** The library of Debian's faketime. It is preloaded directly: the `faketime` command would not pass on signals. */
const library = readdirSync('/usr/lib')
  .map((name) => `/usr/lib/${name}/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path))
if (library === undefined) {
  const reason = "libfaketime is missing: install Debian's faketime"
  if (process.env['CI'] !== undefined) throw new Error(`The tests of a wrong clock cannot run: ${reason}`)
  console.warn(`Skipped the tests of a wrong clock: ${reason}`)
}

const postgres = await findPostgres()
const taskFields = 'id status charge createdAt completedAt expiresAt stems { ... on StemSet { all { url } } }'
const day = 86_400_000

describe.skipIf(library === undefined).each([
  ['an hour fast', '+1h'],
  ['an hour slow', '-1h'],
])('a gateway whose clock is %s', (_how, offset) => {
  test('completes a task by its callback and sets the right expiry', async () => {
    const provider = await startPlayedProvider()
    const program = startProgram({
      ...provider.environment,
      DATABASE_URL: await newDatabaseUrl(),
      LD_PRELOAD: library ?? '',
      FAKETIME: offset,
    })
    const url = await program.url
    const ask = async (query: string) => {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      })
      return (await response.json()).data
    }
    const separate = `mutation { separate(input: { musicTaskId: "music", audioId: "audio" }) { ... on SeparateSuccess { reused task { ${taskFields} } } } }`
    const { task } = (await ask(separate)).separate
    const { body } = await provider.order(0)
    // The provider's clock is right, so its times differ by an hour from the gateway's.
    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)

    await expect
      .poll(async () => (await ask(`{ separation(taskId: "${task.id}") { status } }`)).separation.status)
      .toBe('SUCCESS')
    const { separation } = await ask(`{ separation(taskId: "${task.id}") { ${taskFields} } }`)
    const [createdAt, completedAt, expiresAt] = [
      separation.createdAt,
      separation.completedAt,
      separation.expiresAt,
    ].map((time: string) => Date.parse(time))
    expect(completedAt).toBeGreaterThanOrEqual(createdAt ?? 0)
    expect(completedAt).toBeLessThanOrEqual((createdAt ?? 0) + 60_000)
    expect(expiresAt).toBe((completedAt ?? 0) + 14 * day)
    expect((await ask(separate)).separate).toMatchObject({ reused: true, task: { id: task.id } })
    expect(provider.orders).toHaveLength(1)
  })
})

describe.skipIf(library === undefined || postgres === null)("a clock skew to PostgreSQL's clock", () => {
  async function startWithClock(offset: string) {
    const provider = await startPlayedProvider()
    const environment = { ...provider.environment, DATABASE_URL: await newPostgresDatabase() }
    const faked = { LD_PRELOAD: library ?? '', FAKETIME: offset, CHECK_INTERVAL_SECONDS: '1' }
    return { provider, environment, program: startProgram({ ...environment, ...faked }) }
  }

  test.each(['+30s', '-30s'])(
    'of %s logs a warning, and tasks and leases use the time of PostgreSQL',
    async (offset) => {
      const { provider, environment, program } = await startWithClock(offset)
      provider.answerRead(() => {})
      const startedAt = Date.now()
      const response = await fetch(`${await program.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          query: `mutation { separate(input: { musicTaskId: "music", audioId: "audio" }) { ... on SeparateSuccess { task { ${taskFields} } } } }`,
        }),
      })
      const { task } = (await response.json()).data.separate
      expect(Math.abs(Date.parse(task.createdAt) - startedAt)).toBeLessThan(10_000)
      // The check is running, so the store contains its lease: 20 s, renewed every 5 s.
      await provider.readTimes(1)
      const askedAt = Date.now()
      const [row] = await rowsOf({ environment }, 'select due_at from tasks')
      const leaseLeftMs = Number(row?.['due_at']) - askedAt
      expect(leaseLeftMs).toBeGreaterThan(10_000)
      expect(leaseLeftMs).toBeLessThanOrEqual(21_000)
      expect(program.stderr()).toMatch(
        /"level":40.*this machine's clock is (29|30)\.\d s (ahead of|behind) the database's/,
      )
      const metrics = await readMetrics(await program.url)
      const skewSeconds = metrics.value('stemgate_clock_skew_seconds') ?? 0
      expect(Math.abs(skewSeconds + Number.parseInt(offset, 10))).toBeLessThan(1)
      expect(metrics.value('stemgate_pending_tasks', { provider: 'kie' })).toBe(1)
      expect(metrics.value('stemgate_oldest_pending_task_age_seconds', { provider: 'kie' })).toBeLessThan(20)
    },
  )

  test('of 90 s stops the start', async () => {
    const { program } = await startWithClock('-90s')
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toMatch(/This machine's clock is (89|90)\.\d s behind the database's\. The limit is 60 s/)
  })
})
