import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { createCallerSecrets } from '../../src/webhooks/caller-secrets.ts'
import { canary } from '../support/canaries.ts'
import { openStoreOf } from '../support/database.ts'
import { order, someTrack, startGateway, untilSettled, type TestGateway, type Timings } from '../support/gateway.ts'
import { callbackOfSuccess, noCredits, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { startWebhookReceiver } from '../support/webhook-receiver.ts'

const secret = `webhook-secret-${canary}`

async function start(more: Readonly<Record<string, string>> = {}, timings: Timings = {}) {
  const provider = await startPlayedProvider()
  const receiver = await startWebhookReceiver()
  const environment = { ...provider.environment, ...receiver.environment, WEBHOOK_SECRET: secret, ...more }
  const gateway = await startGateway(environment, undefined, timings)
  const store = await openStoreOf(gateway)
  const hook = `${receiver.url}/hook`
  /** Settles the order with this index by a callback and record-info. */
  const succeed = async (index: number) => {
    const { body } = await provider.order(index)
    const id = `provider-task-${index + 1}`
    provider.answerRead(recordOfSuccess(id))
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess(id))).toBe(200)
  }
  return { provider, receiver, gateway, store, hook, succeed }
}

const secretOf = (owner: string, from = secret) => createCallerSecrets(() => [from])(owner)[0] ?? ''

const separate = `mutation ($input: SeparateInput!) { separate(input: $input) { __typename
  ... on SeparateSuccess { task { id } }
  ... on InvalidInputError { issues { path message } } } }`

/** Orders with a credential. */
async function orderAs(gateway: TestGateway, key: string, input: object) {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: separate, variables: { input: { ...someTrack, ...input } } }),
  })
  return (await response.json()) as { data: { separate: { __typename: string; task?: { id: string } } } }
}

/** Resolves once a line with this event is logged. */
async function untilLogged(gateway: TestGateway, event: string): Promise<Readonly<Record<string, unknown>>> {
  for (;;) {
    const line = gateway.logged.find((each) => each.includes(`"event":"${event}"`))
    if (line !== undefined) return JSON.parse(line)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('an order with a webhookUrl', () => {
  test('is told of its settled task once, with what GraphQL says, signed for its caller', async () => {
    const { receiver, gateway, hook, succeed } = await start()
    const taskId = await order(gateway, { webhookUrl: `${hook}?order=7`, reference: 'Song 7' })
    await succeed(0)
    const webhook = await receiver.webhook(0)
    expect(webhook.path).toBe('/hook?order=7')
    const verified = new Webhook(secretOf('anonymous')).verify(webhook.text, webhook.headers as Record<string, string>)
    const task = await untilSettled(gateway, taskId)
    expect(verified).toEqual({
      type: 'separation.settled',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      data: {
        taskId,
        revision: task.revision,
        reference: 'Song 7',
        provider: task.provider,
        type: task.type,
        musicTaskId: 'music-task',
        audioId: 'audio-1',
        status: 'SUCCESS',
        charge: 'CHARGED',
        stems: task.allStems.map(({ part, label, url }) => ({ part, label, url })),
        failure: null,
        createdAt: task.createdAt,
        completedAt: task.completedAt,
      },
    })
    expect(() =>
      new Webhook(secretOf('key:web')).verify(webhook.text, webhook.headers as Record<string, string>),
    ).toThrow('No matching signature found')
    expect(webhook.id).toMatch(/^msg_[\w]+$/)
    expect(await untilLogged(gateway, 'webhook.delivered')).toMatchObject({
      taskId,
      messageId: webhook.id,
      status: 204,
    })
    expect(receiver.received).toHaveLength(1)
    expect(gateway.logged.join('\n')).not.toContain('order=7')
  })

  test('is told of a failure, and again when it becomes a success', async () => {
    const { provider, receiver, gateway, hook } = await start({
      UNCONFIRMED_AFTER_SECONDS: '0.2',
      CHECK_INTERVAL_SECONDS: '0.1',
    })
    provider.answerSubmit((response) => response.destroy())
    const taskId = await order(gateway, { webhookUrl: hook })
    const first = await receiver.webhook(0)
    expect(first).toMatchObject({
      type: 'separation.settled',
      data: {
        taskId,
        status: 'CREATE_TASK_FAILED',
        charge: 'MAYBE',
        stems: [],
        failure: { code: 'SUBMISSION_UNCONFIRMED' },
      },
    })
    provider.answerRead(recordOfSuccess('provider-task-9'))
    const { body } = await provider.order(0)
    await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-9'))
    const second = await receiver.webhook(1)
    expect(second).toMatchObject({
      type: 'separation.updated',
      data: { taskId, status: 'SUCCESS', charge: 'CHARGED', failure: null },
    })
    expect(Number(second.data['revision'])).toBeGreaterThan(Number(first.data['revision']))
    expect(second.id).not.toBe(first.id)
  })

  test('is told of a refusal of the provider', async () => {
    const { provider, receiver, gateway, hook } = await start()
    provider.answerSubmit(noCredits)
    await gateway.ask(separate, { input: { ...someTrack, webhookUrl: hook } })
    expect((await receiver.webhook(0)).data).toMatchObject({
      status: 'CREATE_TASK_FAILED',
      charge: 'NONE',
      failure: { code: 'SUBMISSION_REFUSED' },
    })
  })

  test('that joins an earlier task is told of it as well', async () => {
    const { receiver, gateway, hook, succeed } = await start()
    const taskId = await order(gateway, { webhookUrl: hook })
    expect(await order(gateway, { webhookUrl: `${hook}/second` })).toBe(taskId)
    await succeed(0)
    await receiver.webhook(1)
    expect(receiver.received.map(({ path }) => path).toSorted()).toEqual(['/hook', '/hook/second'])
    expect(await order(gateway, { webhookUrl: `${hook}/third` })).toBe(taskId)
    expect(await receiver.webhook(2)).toMatchObject({ path: '/hook/third', data: { taskId, status: 'SUCCESS' } })
  })

  test('at the same time as an equal order is told all the same', async () => {
    const { receiver, gateway, hook, succeed } = await start()
    const paths = Array.from({ length: 10 }, (_, index) => `/hook/${index}`)
    const ids = await Promise.all(paths.map((path) => order(gateway, { webhookUrl: `${receiver.url}${path}` })))
    expect(new Set(ids).size).toBe(1)
    await succeed(0)
    await receiver.webhook(9)
    expect(receiver.received.map(({ path }) => path).toSorted()).toEqual(paths)
    expect(hook).toContain('/hook')
  })

  test('has another input than the same order without it', async () => {
    const { gateway, hook } = await start()
    const input = { ...someTrack, idempotencyKey: 'k', webhookUrl: hook }
    await order(gateway, input)
    await order(gateway, input)
    const { data } = await gateway.ask(separate, { input: { ...input, webhookUrl: null } })
    expect(data).toEqual({ separate: { __typename: 'IdempotencyConflictError' } })
  })

  test.each([
    ['without TLS', 'http://app.example/hook', 'must begin with https://.'],
    ['of another protocol', 'ftp://app.example/hook', 'must be a URL that begins with https://.'],
    ['that is no URL', 'not a url', 'must be a URL that begins with https://.'],
    ['with a password', 'https://user:word@app.example/hook', 'must not contain a user name or a password.'],
    ['with a fragment', 'https://app.example/hook#part', 'must not contain #.'],
    ['at a private IPv4 address', 'https://10.0.0.8/hook', 'must not lead to a private address.'],
    ['at the loopback of IPv6', 'https://[::1]/hook', 'must not lead to a private address.'],
    ['at a private address in another spelling', 'https://2130706433/hook', 'must not lead to a private address.'],
    ['that is too long', `https://app.example/${'x'.repeat(2_000)}`, 'must not be longer than 2000 characters.'],
  ])('%s is refused, and nothing is ordered', async (_what, webhookUrl, message) => {
    const { provider, gateway } = await start({ WEBHOOK_HOSTS_ALLOWED: 'intern.example' })
    const { data } = await gateway.ask(separate, { input: { ...someTrack, webhookUrl } })
    expect(data).toEqual({
      separate: { __typename: 'InvalidInputError', issues: [{ path: ['input', 'webhookUrl'], message }] },
    })
    expect(provider.orders).toEqual([])
  })
})

describe('a caller with a webhook', () => {
  const keys = (receiver: string, more = '') =>
    `web:0123456789abcdef webhook=${receiver}/web ${more},app:fedcba9876543210`

  test('is told of its tasks, unless the order names another URL, and of no task of others', async () => {
    const receiver = await startWebhookReceiver()
    const { gateway, succeed } = await start({ API_KEYS: keys(receiver.url) })
    await orderAs(gateway, '0123456789abcdef', { audioId: 'a' })
    await orderAs(gateway, '0123456789abcdef', { audioId: 'b', webhookUrl: `${receiver.url}/order` })
    await orderAs(gateway, 'fedcba9876543210', { audioId: 'c' })
    for (const index of [0, 1, 2]) await succeed(index)
    await receiver.webhook(1)
    const told = receiver.received.map(({ path, data }) => `${path} of ${String(data['audioId'])}`)
    expect(told.toSorted()).toEqual(['/order of b', '/web of a'])
    const [webhook] = receiver.received
    new Webhook(secretOf('key:web')).verify(webhook?.text ?? '', webhook?.headers as Record<string, string>)
  })

  test('is told once when it has used 80 % of a budget', async () => {
    const receiver = await startWebhookReceiver()
    const { gateway } = await start({ API_KEYS: keys(receiver.url, 'orders=5/day') })
    for (const audioId of ['a', 'b', 'c']) await orderAs(gateway, '0123456789abcdef', { audioId })
    expect(receiver.received).toEqual([])
    for (const audioId of ['d', 'e', 'f']) await orderAs(gateway, '0123456789abcdef', { audioId })
    const { type, data } = await receiver.webhook(0)
    const resetsAt = new Date(Math.ceil((Date.now() + 1) / 86_400_000) * 86_400_000).toISOString()
    expect({ type, data }).toEqual({
      type: 'budget.warning',
      data: { kind: 'ORDERS', period: 'DAY', limit: 5, used: 4, resetsAt },
    })
    await untilLogged(gateway, 'webhook.delivered')
    expect(receiver.received).toHaveLength(1)
  })
})

describe('a webhook that is not taken', () => {
  const soon: Timings = { webhookRetryDelaysMs: [50, 50, 50] }

  test.each([
    ['an error', 500],
    ['a redirect', 302],
    ['a client error', 404],
  ])('with %s is sent again, with the same id and body', async (_what, status) => {
    const { receiver, gateway, hook, succeed } = await start({}, soon)
    receiver.answer((response) => {
      const isLast = receiver.received.length === 3
      response.writeHead(isLast ? 200 : status, { location: `${receiver.url}/elsewhere` }).end('x'.repeat(100_000))
    })
    await order(gateway, { webhookUrl: hook })
    await succeed(0)
    const [first, , third] = [await receiver.webhook(0), await receiver.webhook(1), await receiver.webhook(2)]
    expect(third.id).toBe(first.id)
    expect(third.text).toBe(first.text)
    expect(receiver.received.map(({ path }) => path)).toEqual(['/hook', '/hook', '/hook'])
    expect(await untilLogged(gateway, 'webhook.delivered')).toMatchObject({ attempt: 3 })
  })

  test('within the time is sent again, and does not delay the messages of other endpoints', async () => {
    const { receiver, gateway, hook, succeed } = await start({}, soon)
    receiver.answer((response, { path }) => {
      if (path !== '/hook') response.writeHead(204).end()
    })
    for (let index = 0; index < 7; index++) {
      await order(gateway, { audioId: `slow-${index}`, webhookUrl: hook })
      await succeed(index)
    }
    await order(gateway, { audioId: 'quick', webhookUrl: `${receiver.url}/quick` })
    await succeed(7)
    const { data } = await untilPath(receiver, '/quick')
    expect(data).toMatchObject({ audioId: 'quick' })
    // No more than 4 at a time.
    expect(receiver.received.filter(({ path }) => path === '/hook')).toHaveLength(4)
  })

  test('by any attempt is kept, and sent when it is replayed', async () => {
    const { receiver, gateway, store, hook, succeed } = await start({}, soon)
    receiver.answer((response) => response.socket?.destroy())
    const taskId = await order(gateway, { webhookUrl: hook })
    await succeed(0)
    expect(await untilLogged(gateway, 'webhook.held')).toMatchObject({ level: 'warn', attempt: 4, taskId })
    expect(receiver.received).toHaveLength(4)
    const undelivered = () => store.webhooks.undelivered(null, 10)
    await expect.poll(undelivered).toMatchObject([{ taskId, failures: 4, dueAtMs: null }])
    receiver.answer((response) => response.writeHead(200).end())
    expect(await store.webhooks.replay({ taskId }, Date.now())).toEqual({ sent: 1, held: 0 })
    const [first, fifth] = [await receiver.webhook(0), await receiver.webhook(4)]
    expect(fifth.id).toBe(first.id)
  })

  test('because its endpoint is gone (410) pauses the endpoint until it is resumed', async () => {
    const { receiver, gateway, store, hook, succeed } = await start({}, soon)
    receiver.answer((response) => response.writeHead(410).end())
    await order(gateway, { audioId: 'a', webhookUrl: hook })
    await succeed(0)
    const paused = await untilLogged(gateway, 'webhook.paused')
    expect(paused).toMatchObject({ level: 'warn', why: 'gone', owner: 'anonymous' })
    await order(gateway, { audioId: 'b', webhookUrl: hook })
    await succeed(1)
    receiver.answer((response) => response.writeHead(200).end())
    expect(await store.webhooks.backlog()).toMatchObject({ pausedEndpoints: 1 })
    expect(receiver.received).toHaveLength(1)
    await store.webhooks.resume(String(paused['endpoint']), Date.now())
    await receiver.webhook(2)
    expect(receiver.received.map(({ data }) => String(data['audioId'])).toSorted()).toEqual(['a', 'a', 'b'])
  })

  test('by a gateway that has ended is sent by the next one', async () => {
    const { provider, receiver, gateway, hook, succeed } = await start()
    receiver.answer(() => {})
    await order(gateway, { webhookUrl: hook })
    await succeed(0)
    const first = await receiver.webhook(0)
    await gateway.close()
    receiver.answer((response) => response.writeHead(200).end())
    await startGateway({ ...gateway.environment })
    expect((await receiver.webhook(1)).id).toBe(first.id)
    expect(provider.orders).toHaveLength(1)
  })
})

test('a rotated secret signs beside the one before, and the database keeps one of its own', async () => {
  const { receiver, gateway, hook, succeed } = await start({ WEBHOOK_SECRET: `new-secret-${canary},${secret}` })
  await order(gateway, { webhookUrl: hook })
  await succeed(0)
  const webhook = await receiver.webhook(0)
  expect(String(webhook.headers['webhook-signature']).split(' ')).toHaveLength(3)
  for (const each of [`new-secret-${canary}`, secret]) {
    new Webhook(secretOf('anonymous', each)).verify(webhook.text, webhook.headers as Record<string, string>)
  }
})

test('an adopted task tells the webhook of its caller', async () => {
  const receiver = await startWebhookReceiver()
  const { provider, gateway } = await start({ API_KEYS: `web:0123456789abcdef webhook=${receiver.url}/web` })
  provider.answerRead(recordOfSuccess('outside-1'))
  await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer 0123456789abcdef' },
    body: JSON.stringify({ query: '{ separation(taskId: "outside-1") { id } }' }),
  })
  expect(await receiver.webhook(0)).toMatchObject({ type: 'separation.settled', data: { status: 'SUCCESS' } })
})

async function untilPath(receiver: Awaited<ReturnType<typeof startWebhookReceiver>>, path: string) {
  for (let index = 0; ; index++) {
    const webhook = await receiver.webhook(index)
    if (webhook.path === path) return webhook
  }
}
