import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { createBacklogMetrics } from '../../src/metrics/backlog-metrics.ts'
import { createMeter } from '../../src/metrics/meter.ts'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import type { Backlog } from '../../src/separation/store/backlog-reader.ts'
import { SeparateDocument, ReadDocument } from '../../schema/operations.ts'
import { order, someTrack, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'
import { endWithFile } from '../support/end-with-file.ts'
import { countFrom, readMetrics } from '../support/metrics.ts'
import { checkMetrics, isPrometheusThere } from '../support/prometheus.ts'
import {
  accepted,
  balanceOf,
  callbackOfSuccess,
  noCredits,
  recordOfSuccess,
  startPlayedProvider,
  type PlayedProvider,
} from '../support/played-provider.ts'
import { openClient, watchOver, next } from '../support/watchers.ts'
import { forEverything, transports } from '../support/transports.ts'

let gateway: TestGateway
let provider: PlayedProvider
let tracks = 0

const kie = { provider: 'kie' }
const newTrack = () => ({ audioId: `audio-${(tracks += 1)}` })

const atEnd = endWithFile()

beforeAll(async () => {
  provider = await startPlayedProvider(atEnd)
  const environment = { ...provider.environment, KIE_PRICES: 'separate_vocal:10', CHECK_INTERVAL_SECONDS: '3600' }
  gateway = await startGateway(environment, atEnd)
})

/** Orders a new track that its callback settles, once record-info confirms it. */
async function succeed(watched: boolean): Promise<string> {
  const nth = provider.orders.length
  const taskId = await order(gateway, newTrack())
  const { body } = await provider.order(nth)
  const providerTaskId = `provider-task-${nth + 1}`
  provider.answerRead(recordOfSuccess(providerTaskId))
  const settled = watched ? untilSettled(gateway, taskId) : null
  await provider.callBack(body.callBackUrl, callbackOfSuccess(providerTaskId))
  await (settled ?? untilSettled(gateway, taskId))
  return taskId
}

describe('the metrics', () => {
  test('count an order that is new, charged and settled, with its credits and the time of its result', async () => {
    const counted = await countFrom(gateway.url)
    await succeed(false)
    expect(await counted('stemgate_orders_total', { ...kie, outcome: 'accepted', reason: 'none' })).toBe(1)
    expect(await counted('stemgate_charges_total', { ...kie, charge: 'charged' })).toBe(1)
    expect(await counted('stemgate_charges_total', { ...kie, charge: 'maybe' })).toBe(0)
    expect(await counted('stemgate_charged_credits_total', kie)).toBe(10)
    expect(await counted('stemgate_settled_tasks_total', { ...kie, status: 'SUCCESS', failure: 'none' })).toBe(1)
    expect(await counted('stemgate_order_to_result_seconds_count', { ...kie, type: 'separate_vocal' })).toBe(1)
    expect(await counted('stemgate_provider_call_seconds_count', { ...kie, call: 'submit', answer: 'accepted' })).toBe(
      1,
    )
    expect(await counted('stemgate_provider_call_seconds_count', { ...kie, call: 'check', answer: 'succeeded' })).toBe(
      1,
    )
    expect(await counted('stemgate_slot_wait_seconds_count', { ...kie, outcome: 'admitted' })).toBe(1)
    expect(await counted('stemgate_callbacks_total', { ...kie, result: 'saved' })).toBe(1)
  })

  test('count an order that joins an earlier task as saved, and no charge', async () => {
    const track = newTrack()
    await order(gateway, track)
    const counted = await countFrom(gateway.url)
    await order(gateway, track)
    expect(await counted('stemgate_orders_total', { ...kie, outcome: 'joined' })).toBe(1)
    expect(await counted('stemgate_saved_credits_total', kie)).toBe(10)
    expect(await counted('stemgate_charges_total')).toBe(0)
  })

  test('count an order whose answer was lost as one that may be charged, and once more when its charge is known', async () => {
    const nth = provider.orders.length
    provider.answerSubmit((response) => void response.destroy())
    const counted = await countFrom(gateway.url)
    const taskId = await order(gateway, newTrack())
    provider.answerSubmit((response, number) => response.end(JSON.stringify(accepted(`provider-task-${number}`))))
    expect(await counted('stemgate_charges_total', { ...kie, charge: 'maybe' })).toBe(1)
    expect(await counted('stemgate_charges_total', { ...kie, charge: 'charged' })).toBe(0)
    expect(await counted('stemgate_provider_call_seconds_count', { call: 'submit', answer: 'unknown' })).toBe(1)

    const { body } = await provider.order(nth)
    provider.answerRead(recordOfSuccess('task-without-answer', { callbackUrl: body.callBackUrl }))
    const settled = untilSettled(gateway, taskId)
    await provider.callBack(body.callBackUrl, callbackOfSuccess('task-without-answer'))
    await settled
    expect(await counted('stemgate_charges_total', { ...kie, charge: 'maybe' })).toBe(1)
    expect(await counted('stemgate_charges_total', { ...kie, charge: 'charged' })).toBe(1)
  })

  test('count an order that is refused, with the reason', async () => {
    const counted = await countFrom(gateway.url)
    provider.answerSubmit(noCredits)
    await gateway.send(SeparateDocument, { input: { ...someTrack, ...newTrack() } })
    provider.answerSubmit((response, number) => response.end(JSON.stringify(accepted(`provider-task-${number}`))))
    await gateway.send(SeparateDocument, { input: { ...someTrack, audioId: ' ' } })
    expect(await counted('stemgate_orders_total', { outcome: 'refused', reason: 'insufficient-credits' })).toBe(1)
    expect(await counted('stemgate_orders_total', { outcome: 'refused', reason: 'invalid-input' })).toBe(1)
    expect(await counted('stemgate_settled_tasks_total', { failure: 'SUBMISSION_REFUSED' })).toBe(1)
    expect(await counted('stemgate_charges_total')).toBe(0)
  })

  test.each(['WebSocket', 'SSE'] as const)(
    'time the way from a callback to a subscriber over %s',
    async (transport) => {
      const nth = provider.orders.length
      const taskId = await order(gateway, newTrack())
      const { body } = await provider.order(nth)
      provider.answerRead(recordOfSuccess(`provider-task-${nth + 1}`))
      const watcher = watchOver[transport](gateway.url, taskId)
      expect((await next(watcher)).status).toBe('PENDING')
      const counted = await countFrom(gateway.url)
      await provider.callBack(body.callBackUrl, callbackOfSuccess(`provider-task-${nth + 1}`))
      expect((await next(watcher)).status).toBe('SUCCESS')
      expect(await counted('stemgate_callback_to_push_seconds_count', kie)).toBe(1)
      expect(await counted('stemgate_callback_to_push_seconds_sum', kie)).toBeLessThan(30)
    },
  )

  test('count a read that is answered from memory like any other', async () => {
    const taskId = await order(gateway, newTrack())
    await gateway.send(ReadDocument, { taskId })
    const counted = await countFrom(gateway.url)
    for (let nth = 0; nth < 5; nth += 1) await gateway.send(ReadDocument, { taskId })
    expect(await counted('stemgate_graphql_operations_total', { transport: 'http', type: 'query' })).toBe(5)
    expect(await counted('stemgate_graphql_operations_total')).toBe(5)
    expect(await counted('stemgate_store_operation_seconds_count', { operation: 'revisions' })).toBeGreaterThan(0)
  })

  test('count subscriptions by their transport', async () => {
    const taskId = await succeed(false)
    const counted = await countFrom(gateway.url)
    const query = `subscription { separationUpdated(taskId: "${taskId}") { status } }`
    await transports['SSE by POST'](gateway.url, { query })
    for (let nth = 0; nth < 2; nth += 1) await transports.WebSocket(gateway.url, { query })
    expect(await counted('stemgate_graphql_operations_total', { transport: 'sse', type: 'subscription' })).toBe(1)
    expect(await counted('stemgate_graphql_operations_total', { transport: 'websocket', type: 'subscription' })).toBe(2)
    expect(await counted('stemgate_graphql_operations_total')).toBe(3)
  })

  const labelOf = { POST: 'http', 'SSE by POST': 'http', WebSocket: 'websocket' } as const

  test.each(forEverything)('count each error that is sent over %s once, by its code', async (name) => {
    const counted = await countFrom(gateway.url)
    const send = transports[name]
    await send(gateway.url, { query: '{' })
    await send(gateway.url, { query: '{ nothing }' })
    await send(gateway.url, { query: 'query ($id: ID!) { separation(taskId: $id) { id } }', variables: {} })
    await send(gateway.url, { query: '{ credits { credits } }' })
    const of = (code: string) => counted('stemgate_graphql_errors_total', { transport: labelOf[name], code })
    expect(await of('GRAPHQL_PARSE_FAILED')).toBe(1)
    expect(await of('GRAPHQL_VALIDATION_FAILED')).toBe(1)
    expect(await of('BAD_USER_INPUT')).toBe(1)
    expect(await of('FORBIDDEN')).toBe(1)
    expect(await counted('stemgate_graphql_errors_total')).toBe(4)
  })

  test('count requests that are refused before their operation is read', async () => {
    const counted = await countFrom(gateway.url)
    const url = `${gateway.url}/graphql`
    await fetch(url, { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } })
    await fetch(url, { method: 'POST', body: 'x', headers: { 'content-type': 'application/json' } })
    expect(await counted('stemgate_graphql_errors_total', { code: 'UNSUPPORTED_MEDIA_TYPE' })).toBe(1)
    expect(await counted('stemgate_graphql_errors_total', { code: 'BAD_REQUEST' })).toBe(1)
    expect(await counted('stemgate_graphql_errors_total')).toBe(2)
  })

  test('count open WebSockets, and closed ones by code', async () => {
    const counted = await countFrom(gateway.url)
    const client = openClient(gateway.url)
    const query = '{ __typename }'
    for await (const _ of client.iterate({ query }));
    await client.dispose()
    await expect.poll(() => counted('stemgate_websocket_closes_total', { code: '1000' })).toBe(1)
    const held = openClient(gateway.url)
    const closed = new Promise((resolve) => held.on('closed', resolve))
    const first = held.iterate({ query: 'subscription { separationsUpdated { id } }' }).next()
    await expect.poll(() => counted('stemgate_websockets')).toBe(1)
    held.terminate()
    await closed
    await first.catch(() => {})
    await expect.poll(() => counted('stemgate_websockets')).toBe(0)
    expect(await counted('stemgate_websocket_closes_total')).toBe(2)
  })

  test('count callbacks by result', async () => {
    const nth = provider.orders.length
    await order(gateway, newTrack())
    const { callBackUrl } = (await provider.order(nth)).body
    const counted = await countFrom(gateway.url)
    const send = (url: string, body: string) =>
      fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    await send(callBackUrl, 'x')
    await send(callBackUrl, '{"nothing":"of use"}')
    await send(callBackUrl.replace(/sep_./, 'sep_9'), '{}')
    expect(await counted('stemgate_callbacks_total', { ...kie, result: 'unreadable' })).toBe(1)
    expect(await counted('stemgate_callbacks_total', { ...kie, result: 'untrusted' })).toBe(1)
    expect(await counted('stemgate_callbacks_total', { provider: 'none', result: 'invalid-address' })).toBe(1)
    expect(await counted('stemgate_callbacks_total')).toBe(3)
  })
})

describe('the metrics of a gateway of its own', () => {
  async function startWith(environment: Record<string, string> = {}) {
    const own = await startPlayedProvider()
    return { own, alone: await startGateway({ ...own.environment, ...environment }) }
  }

  test('show what is pending, and how old the oldest task is', async () => {
    const { alone } = await startWith()
    await order(alone)
    await order(alone, { audioId: 'audio-2' })
    const metrics = await readMetrics(alone.url)
    expect(metrics.value('stemgate_pending_tasks', kie)).toBe(2)
    expect(metrics.value('stemgate_queued_tasks', kie)).toBe(0)
    expect(metrics.value('stemgate_overdue_tasks', kie)).toBe(0)
    expect(metrics.value('stemgate_oldest_pending_task_age_seconds', kie)).toBeGreaterThan(0)
    expect(metrics.value('stemgate_ready')).toBe(1)
    expect(metrics.value('stemgate_build_info', { version: '0.1.0', database: 'sqlite' })).toBe(1)
    expect(metrics.value('stemgate_redis_up')).toBeUndefined()
    expect(metrics.value('stemgate_keys_file_usable')).toBeUndefined()
    expect(metrics.value('stemgate_clock_skew_seconds')).toBe(0)
  })

  test('show a provider that fails, and its breaker', async () => {
    const { own, alone } = await startWith()
    const before = await readMetrics(alone.url)
    expect(before.value('stemgate_provider_reachable', kie)).toBe(1)
    expect(before.value('stemgate_provider_key_accepted', kie)).toBe(1)
    expect(before.value('stemgate_provider_breaker_open', kie)).toBe(0)
    await own.die()
    for (let nth = 0; nth < 6; nth += 1) {
      await alone.send(SeparateDocument, { input: { ...someTrack, audioId: `audio-${nth}` } })
    }
    const after = await readMetrics(alone.url)
    expect(after.value('stemgate_provider_reachable', kie)).toBe(0)
    expect(after.value('stemgate_provider_breaker_open', kie)).toBe(0.5)
    expect(after.value('stemgate_orders_total', { outcome: 'refused', reason: 'unavailable' })).toBe(6)
  })

  test('show that the provider refuses the key', async () => {
    const { own, alone } = await startWith()
    own.answerSubmit({ code: 401, msg: 'You do not have access permissions.', data: null })
    await alone.send(SeparateDocument, { input: someTrack })
    expect((await readMetrics(alone.url)).value('stemgate_provider_key_accepted', kie)).toBe(0)
  })

  test("show the balance of the operator's account", async () => {
    const { own, alone } = await startWith()
    own.answerCredits(balanceOf(417.5))
    expect((await readMetrics(alone.url)).value('stemgate_provider_credits', kie)).toBe(417.5)
  })

  test('count an order that waited for its slot in vain', async () => {
    const { alone } = await startWith({ SUBMITS_PER_10_SECONDS: '1', SUBMIT_WAIT_SECONDS: '0' })
    await order(alone)
    await alone.send(SeparateDocument, { input: { ...someTrack, audioId: 'audio-2' } })
    const metrics = await readMetrics(alone.url)
    expect(metrics.value('stemgate_orders_total', { outcome: 'refused', reason: 'rate-limited' })).toBe(1)
    expect(metrics.value('stemgate_orders_waiting_for_slot', kie)).toBe(0)
  })

  test('count orders beyond the rate of their caller', async () => {
    const { alone } = await startWith({ SEPARATES_PER_MINUTE: '1' })
    await order(alone)
    await alone.send(SeparateDocument, { input: { ...someTrack, audioId: 'audio-2' } })
    const metrics = await readMetrics(alone.url)
    expect(metrics.value('stemgate_orders_total', { outcome: 'refused', reason: 'caller-rate' })).toBe(1)
  })
})

describe('a database that is slow', () => {
  const backlogOf = async (backlog: () => Promise<ReadonlyMap<'kie', Backlog>>) => {
    const meter = createMeter()
    createBacklogMetrics(meter, { store: { backlog }, clock: { nowMs: () => 0 }, providers: ['kie'] })
    return async () => (await meter.text()).body
  }
  const pending = 'stemgate_pending_tasks{provider="kie"}'

  test('is read once, however many scrape at a time', async () => {
    let reads = 0
    const scrape = await backlogOf(async () => {
      reads += 1
      return new Map()
    })
    const texts = await Promise.all(Array.from({ length: 20 }, scrape))
    expect(texts.filter((text) => text.includes(`${pending} 0`))).toHaveLength(20)
    expect(reads).toBe(1)
  })

  test.each([
    ['hangs', () => new Promise<never>(() => {})],
    ['fails', () => Promise.reject(new StoreUnavailableError('The database is unavailable.'))],
  ])('is left out of the metrics if it %s', async (_how, backlog) => {
    const scrape = await backlogOf(backlog)
    const text = await scrape()
    expect(text).toContain('# TYPE stemgate_pending_tasks gauge')
    expect(text).not.toContain(pending)
  })
})

describe("the operator's guide", () => {
  test('describes every metric, its labels, and no other', async () => {
    const guide = await readFile(new URL('../../docs/operator.md', import.meta.url), 'utf8')
    const rows = [...guide.matchAll(/^\| `(stemgate_\w+)` +\| ([^|]*) \|/gm)]
    const { text, labelsOf } = await readMetrics(gateway.url)
    const exposed = [...text.matchAll(/^# TYPE (stemgate_\w+)/gm)].map(([, name = '']) => name)
    expect(new Set(rows.map(([, name]) => name))).toEqual(new Set(exposed))
    expect(rows).toHaveLength(exposed.length)
    for (const [, name = '', labels = ''] of rows) {
      const described = [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label)
      expect({ name, described }).toEqual({ name, described: expect.arrayContaining([...labelsOf(name)]) })
    }
  })

  test.skipIf(!isPrometheusThere())('is about metrics that Prometheus has nothing to say against', async () => {
    const { text } = await readMetrics(gateway.url)
    await expect(checkMetrics(text)).resolves.toBe('')
  })
})
