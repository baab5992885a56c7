import { describe, expect, test } from 'vitest'
import { ask } from '../support/callers.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, type TestGateway } from '../support/gateway.ts'
import { recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { forEverything, get, readEvents, transports } from '../support/transports.ts'

const read = '{ separation(taskId: "made-elsewhere") { id status } }'
const watch = 'subscription { separationUpdated(taskId: "made-elsewhere") { status } }'
const refused = {
  message: expect.stringContaining('POST'),
  extensions: { code: 'BAD_USER_INPUT' },
}

/** A gateway whose provider has a task that was created elsewhere. */
async function start() {
  const provider = await startPlayedProvider()
  provider.answerRead(recordOfSuccess('made-elsewhere'))
  const gateway = await startGateway(provider.environment)
  const store = await openStoreOf(gateway)
  return { provider, gateway, isAdopted: async () => (await store.findBound([id])).length > 0 }
}

const id = { provider: 'kie', providerTaskId: 'made-elsewhere' } as const

describe('a GET request', () => {
  test.each(['GET', 'SSE by GET'] as const)('adopts no task and explains how to adopt one (%s)', async (name) => {
    const { provider, gateway, isAdopted } = await start()
    const [result] = await transports[name](gateway.url, { query: read })
    expect(result).toMatchObject({ data: { separation: null }, errors: [refused] })
    expect(provider.reads).toEqual([])
    expect(await isAdopted()).toBe(false)
  })

  test('adopts no task by a subscription', async () => {
    const { provider, gateway, isAdopted } = await start()
    const results = await transports['SSE by GET'](gateway.url, { query: watch })
    expect(results).toMatchObject([{ errors: [refused] }])
    expect(provider.reads).toEqual([])
    expect(await isAdopted()).toBe(false)
  })

  test('gets the same answer whether or not a task has the id', async () => {
    const { provider, gateway } = await start()
    provider.answerRead({ code: 200, msg: 'success', data: null })
    const asked = async (taskId: string) =>
      transports.GET(gateway.url, { query: read.replace('made-elsewhere', taskId) })
    const [first] = await asked('made-elsewhere')
    expect(await asked('made-elsewhere')).toEqual([first])
    await transports.POST(gateway.url, { query: read })
    // A cached miss makes no difference.
    expect(await asked('made-elsewhere')).toEqual([first])
    // An impossible id is unknown.
    expect(await asked('no id')).toEqual([{ data: { separation: null } }])
  })

  test('reads and watches a known task by either id', async () => {
    const { gateway } = await start()
    const taskId = await order(gateway)
    for (const known of [taskId, 'provider-task-1']) {
      const query = `{ separation(taskId: "${known}") { id } }`
      expect(await transports.GET(gateway.url, { query })).toEqual([{ data: { separation: { id: taskId } } }])
    }
    await transports.POST(gateway.url, { query: read })
    expect(await transports['SSE by GET'](gateway.url, { query: watch })).toEqual([
      { data: { separationUpdated: { status: 'SUCCESS' } } },
    ])
  })

  test('reports a disabled provider', async () => {
    const { gateway } = await start()
    const query = '{ separation(taskId: "made-elsewhere", provider: APIKLEY) { id } }'
    const [result] = await transports.GET(gateway.url, { query })
    expect(result?.errors?.[0]?.message).toContain('APIKLEY is not enabled')
  })
})

test.each(forEverything)('an operation over %s adopts a task', async (name) => {
  const { gateway, isAdopted } = await start()
  const [result] = await transports[name](gateway.url, { query: read })
  expect(result).toMatchObject({ data: { separation: { status: 'SUCCESS' } } })
  expect(await isAdopted()).toBe(true)
})

describe('the answer to a GET request', () => {
  test.each([
    { what: 'an answer', query: read, accept: 'application/json' },
    { what: 'an error', query: '{', accept: 'application/json' },
    { what: 'a stream', query: watch, accept: 'text/event-stream' },
  ])('must not be cached ($what)', async ({ query, accept }) => {
    const { gateway } = await start()
    const response = await get(gateway.url, { query }, accept)
    if (accept === 'text/event-stream') for await (const _ of readEvents(response));
    else await response.text()
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  test('must not be cached if it is a refusal', async () => {
    const gateway = await startGateway()
    for (const headers of [{ host: 'evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const answer = await ask(gateway.url, '/graphql?query=%7B__typename%7D', { headers })
      expect({ status: answer.status, cache: answer.headers['cache-control'] }).toEqual({
        status: 403,
        cache: 'no-store',
      })
    }
  })
})

describe('a GET request from a web page', () => {
  const listed = 'https://app.example.com'
  const open = { CORS_ORIGINS: listed }
  async function statusOf({ url }: TestGateway, headers: Record<string, string>, method = 'GET'): Promise<number> {
    return (await ask(url, '/graphql?query=%7B__typename%7D', { method, headers })).status
  }

  test.each(['cross-site', 'same-site', 'Cross-Site', 'an-unknown-value'])(
    'that says %s is refused, unless its origin is listed',
    async (site) => {
      const gateway = await startGateway(open)
      for (const headers of [
        {},
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
        { accept: 'text/event-stream' },
      ]) {
        const status = await statusOf(gateway, { 'sec-fetch-site': site, ...headers })
        expect({ headers, status }).toEqual({ headers, status: 403 })
      }
      expect(await statusOf(gateway, { 'sec-fetch-site': site, origin: listed })).toBe(200)
    },
  )

  test('of the gateway itself, from the address bar, or without a browser is answered', async () => {
    const gateway = await startGateway(open)
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, {}]) {
      expect(await statusOf(gateway, headers)).toBe(200)
    }
  })

  test('is refused with the variable that would allow it', async () => {
    const gateway = await startGateway(open)
    const { text } = await ask(gateway.url, '/graphql?query=%7B__typename%7D', {
      headers: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    })
    expect(JSON.parse(text)).toEqual({
      errors: [{ message: expect.stringContaining('CORS_ORIGINS'), extensions: { code: 'FORBIDDEN' } }],
    })
  })

  test('opens GraphiQL by a link on any page', async () => {
    const gateway = await startGateway()
    const headers = { accept: 'text/html', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect((await ask(gateway.url, '/graphql', { headers })).status).toBe(200)
  })
})
