import { describe, expect, test } from 'vitest'
import { order, startGateway, type TestGateway } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'

const read =
  'query ($taskId: ID!, $waitSeconds: Int!) { separation(taskId: $taskId, waitSeconds: $waitSeconds) { status } }'

const statusAfter = async (gateway: TestGateway, taskId: string, waitSeconds: number) =>
  gateway.ask(read, { taskId, waitSeconds })

const pending = { data: { separation: { status: 'PENDING' } } }
const success = { data: { separation: { status: 'SUCCESS' } } }

/** A gateway with a task that is pending until `settle` is called. */
async function startPending() {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(provider.environment)
  const taskId = await order(gateway)
  const { body } = await provider.order(0)
  const settle = async () => {
    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))
    await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))
  }
  return { gateway, taskId, settle }
}

describe('a request that waits', () => {
  test('is answered when the task is settled', async () => {
    const { gateway, taskId, settle } = await startPending()
    // On the short way as well, whose answers are kept: the first request makes the document known.
    expect(await statusAfter(gateway, taskId, 0)).toEqual(pending)
    const waiting = [1, 2].map(() => statusAfter(gateway, taskId, 30))
    const url = new URL(`${gateway.url}/graphql`)
    url.searchParams.set('query', `{ separation(taskId: "${taskId}", waitSeconds: 30) { status } }`)
    const byGet = fetch(url).then((response) => response.json())
    await expect.poll(() => gateway.app.subscriptions()).toBe(3)
    await settle()
    expect(await Promise.all([...waiting, byGet])).toEqual([success, success, success])
    await expect.poll(() => gateway.app.subscriptions()).toBe(0)
  })

  test('is answered with the task as it is when the time is over, each time anew', async () => {
    const { gateway, taskId } = await startPending()
    for (let time = 0; time < 3; time += 1) {
      const startedAt = performance.now()
      expect(await statusAfter(gateway, taskId, 1)).toEqual(pending)
      expect(performance.now() - startedAt).toBeGreaterThan(900)
    }
  })

  test('may be an order', async () => {
    const gateway = await startGateway()
    const { data } = await gateway.ask(
      `mutation { separate(input: { musicTaskId: "m", audioId: "done" }, waitSeconds: 30) {
        ... on SeparateSuccess { reused task { status allStems { part } } } } }`,
    )
    expect(data).toMatchObject({ separate: { reused: false, task: { status: 'SUCCESS' } } })
  })

  test('ends when its client leaves', async () => {
    const { gateway, taskId } = await startPending()
    const leave = new AbortController()
    const waiting = fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: read, variables: { taskId, waitSeconds: 60 } }),
      signal: leave.signal,
    }).catch(() => null)
    await expect.poll(() => gateway.app.subscriptions()).toBe(1)
    leave.abort()
    await waiting
    await expect.poll(() => gateway.app.subscriptions()).toBe(0)
  })

  test('ends when its operation on a WebSocket is completed', async () => {
    const { gateway, taskId } = await startPending()
    const client = gateway.connect()
    const leave = client.subscribe(
      { query: read, variables: { taskId, waitSeconds: 60 } },
      { next() {}, error() {}, complete() {} },
    )
    await expect.poll(() => gateway.app.subscriptions()).toBe(1)
    leave()
    await expect.poll(() => gateway.app.subscriptions()).toBe(0)
  })

  test('is answered at once when the gateway stops', async () => {
    const { gateway, taskId } = await startPending()
    const waiting = statusAfter(gateway, taskId, 60)
    await expect.poll(() => gateway.app.subscriptions()).toBe(1)
    await gateway.close()
    expect(await waiting).toEqual(pending)
  })

  test('is answered at once beyond the limit of subscriptions', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, SUBSCRIPTIONS_PER_CALLER: '1' })
    const taskId = await order(gateway)
    const first = statusAfter(gateway, taskId, 60)
    await expect.poll(() => gateway.app.subscriptions()).toBe(1)
    expect(await statusAfter(gateway, taskId, 60)).toEqual(pending)
    await gateway.close()
    await first
  })

  test.each([[-1], [61]])('may not wait %i s', async (waitSeconds) => {
    const gateway = await startGateway()
    const { errors } = await statusAfter(gateway, 'sep_unknown', waitSeconds)
    expect(errors?.[0]).toMatchObject({
      message: '`waitSeconds` must be from 0 to 60.',
      extensions: { code: 'BAD_USER_INPUT' },
    })
  })
})
