import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { SeparateDocument, type SeparateInput } from '../../schema/operations.ts'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { createWorkQueue } from '../../src/stores/postgres/work-queue.ts'
import { startCluster } from '../support/cluster.ts'
import { someTrack, startGateway, type TestGateway } from '../support/gateway.ts'
import { accepted, sendBody, startPlayedProvider } from '../support/played-provider.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'

/** Many more than the database connections of a gateway. */
const count = 250

const isHere = (await findPostgres()) !== null

/** A quarter have no key, a quarter share one key, the others have one key each. */
function inputOf(index: number) {
  if (index % 4 === 0) return someTrack
  return { ...someTrack, idempotencyKey: index % 4 === 1 ? 'the same key' : `key-${index}` }
}

/** The id of the returned task, or the name of the error returned instead. */
async function answerOf(gateway: TestGateway, input: SeparateInput): Promise<string> {
  const { data, errors } = await gateway.send(SeparateDocument, { input })
  return data && 'reused' in data.separate ? data.separate.task.id : JSON.stringify(errors ?? data)
}

/** Delays each insert of a key, as a remote database does. */
async function slowKeysOf({ environment }: TestGateway, seconds: number): Promise<void> {
  const client = new pg.Client({ connectionString: environment['DATABASE_URL'] })
  await client.connect()
  await client.query(`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(${seconds}); return new; end $$;
    create trigger dawdle before insert on keys for each row execute function dawdle()`)
  await client.end()
}

describe.skipIf(!isHere)(`${count} orders for one track at once on PostgreSQL`, { timeout: 90_000 }, () => {
  test.each([
    ['when the provider answers after 4 s', {}],
    ['when the submit times out before the provider answers', { SUBMIT_TIMEOUT_SECONDS: '2' }],
  ])('share one task %s', async (_name, environment) => {
    const provider = await startPlayedProvider()
    provider.answerSubmit((response) => setTimeout(() => sendBody(response, accepted('provider-task-1')), 4_000))
    const gateway = await startGateway({
      ...provider.environment,
      ...environment,
      DATABASE_URL: await newPostgresDatabase(),
    })
    const answers = await Promise.all(Array.from({ length: count }, (_, index) => answerOf(gateway, inputOf(index))))
    expect([...new Set(answers)]).toEqual([expect.stringMatching(/^sep_/)])
    expect(provider.orders).toHaveLength(1)
  })

  test('share one task although the database takes 10 s to save their keys', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, DATABASE_URL: await newPostgresDatabase() })
    await slowKeysOf(gateway, 10 / count)
    const answers = await Promise.all(
      Array.from({ length: count }, (_, index) => answerOf(gateway, { ...someTrack, idempotencyKey: `key-${index}` })),
    )
    expect([...new Set(answers)]).toEqual([expect.stringMatching(/^sep_/)])
    expect(provider.orders).toHaveLength(1)
  })

  test('share one task at two gateways', async () => {
    const { provider, gateways } = await startCluster()
    provider.answerSubmit((response) => setTimeout(() => sendBody(response, accepted('provider-task-1')), 2_000))
    const answers = await Promise.all(
      Array.from({ length: count }, (_, index) => answerOf(gateways[index % 2] ?? gateways[0], inputOf(index))),
    )
    expect([...new Set(answers)]).toEqual([expect.stringMatching(/^sep_/)])
    expect(provider.orders).toHaveLength(1)
  })
})

describe('the work queue of a busy database', () => {
  const options = { concurrency: 2, giveUpAfterMs: 200, maxWaitMs: 60_000 }

  test('starts work in its order of arrival, with limited concurrency', async () => {
    const enqueue = createWorkQueue(options)
    const begun: number[] = []
    let underWay = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        enqueue(async () => {
          begun.push(index)
          underWay += 1
          most = Math.max(most, underWay)
          await sleep(1)
          underWay -= 1
        }),
      ),
    )
    expect(begun).toEqual(Array.from({ length: 20 }, (_, index) => index))
    expect(most).toBe(2)
  })

  test('lets work wait longer than the timeout while other work completes', async () => {
    const enqueue = createWorkQueue(options)
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: 20 }, () => enqueue(() => sleep(50))))
    expect(performance.now() - startedAt).toBeGreaterThan(400)
  })

  test('reports the store as unavailable once no work completes', async () => {
    const enqueue = createWorkQueue(options)
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const stuck = [enqueue(() => held), enqueue(() => held)]
    await expect(enqueue(async () => 'done')).rejects.toThrow(StoreUnavailableError)
    release()
    await Promise.all(stuck)
    expect(await enqueue(async () => 'done')).toBe('done')
  })

  test('reports the store as unavailable when work has waited for the maximum time', async () => {
    const enqueue = createWorkQueue({ ...options, concurrency: 1, maxWaitMs: 300 })
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => enqueue(() => sleep(100))))
    const kinds = new Set(all.map(({ status }) => status))
    expect(kinds).toEqual(new Set(['fulfilled', 'rejected']))
  })

  test('starts the next work after a failure', async () => {
    const enqueue = createWorkQueue({ ...options, concurrency: 1 })
    const failing = enqueue(async () => {
      await sleep(5)
      throw new Error('ours')
    })
    const next = enqueue(async () => 'done')
    await expect(failing).rejects.toThrow('ours')
    expect(await next).toBe('done')
  })
})
