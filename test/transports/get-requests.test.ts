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

/** A gateway whose provider knows a task that was made outside. */
async function start() {
  const provider = await startPlayedProvider()
  provider.answerRead(recordOfSuccess('made-elsewhere'))
  const gateway = await startGateway(provider.environment)
  const store = await openStoreOf(gateway)
  return { provider, gateway, isAdopted: async () => (await store.findBound([id])).length > 0 }
}

const id = { provider: 'kie', providerTaskId: 'made-elsewhere' } as const

describe('a GET', () => {
  test.each(['GET', 'SSE by GET'] as const)('adopts nothing, and says how it is done (%s)', async (name) => {
    const { provider, gateway, isAdopted } = await start()
    const [result] = await transports[name](gateway.url, { query: read })
    expect(result).toMatchObject({ data: { separation: null }, errors: [refused] })
    expect(provider.reads).toEqual([])
    expect(await isAdopted()).toBe(false)
  })

  test('adopts nothing by a subscription', async () => {
    const { provider, gateway, isAdopted } = await start()
    const results = await transports['SSE by GET'](gateway.url, { query: watch })
    expect(results).toMatchObject([{ errors: [refused] }])
    expect(provider.reads).toEqual([])
    expect(await isAdopted()).toBe(false)
  })

  test('is answered in the same words whoever bears the id, and for what no provider knows', async () => {
    const { provider, gateway } = await start()
    provider.answerRead({ code: 200, msg: 'success', data: null })
    const asked = async (taskId: string) =>
      transports.GET(gateway.url, { query: read.replace('made-elsewhere', taskId) })
    const [first] = await asked('made-elsewhere')
    expect(await asked('made-elsewhere')).toEqual([first])
    await transports.POST(gateway.url, { query: read })
    // A miss that is remembered changes nothing.
    expect(await asked('made-elsewhere')).toEqual([first])
    // What can be no id is none.
    expect(await asked('no id')).toEqual([{ data: { separation: null } }])
  })

  test('reads and watches a task that is known, by either id', async () => {
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

  test('names a provider that is off as one that is off', async () => {
    const { gateway } = await start()
    const query = '{ separation(taskId: "made-elsewhere", provider: APIKLEY) { id } }'
    const [result] = await transports.GET(gateway.url, { query })
    expect(result?.errors?.[0]?.message).toContain('APIKLEY is not enabled')
  })
})

test.each(forEverything)('what comes by %s adopts', async (name) => {
  const { gateway, isAdopted } = await start()
  const [result] = await transports[name](gateway.url, { query: read })
  expect(result).toMatchObject({ data: { separation: { status: 'SUCCESS' } } })
  expect(await isAdopted()).toBe(true)
})

describe('an answer to a GET', () => {
  test.each([
    { what: 'an answer', query: read, accept: 'application/json' },
    { what: 'an error', query: '{', accept: 'application/json' },
    { what: 'a stream', query: watch, accept: 'text/event-stream' },
  ])('is kept by nobody ($what)', async ({ query, accept }) => {
    const { gateway } = await start()
    const response = await get(gateway.url, { query }, accept)
    if (accept === 'text/event-stream') for await (const _ of readEvents(response));
    else await response.text()
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  test('is kept by nobody where it is refused', async () => {
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

describe('a GET of a page', () => {
  const listed = 'https://app.example.com'
  const open = { CORS_ORIGINS: listed }
  async function statusOf({ url }: TestGateway, headers: Record<string, string>, method = 'GET'): Promise<number> {
    return (await ask(url, '/graphql?query=%7B__typename%7D', { method, headers })).status
  }

  test.each(['cross-site', 'same-site', 'Cross-Site', 'what nobody knows'])(
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

  test('of our own, of a person, or of what is no browser is answered', async () => {
    const gateway = await startGateway(open)
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, {}]) {
      expect(await statusOf(gateway, headers)).toBe(200)
    }
  })

  test('that is refused learns with which variable it is let in', async () => {
    const gateway = await startGateway(open)
    const { text } = await ask(gateway.url, '/graphql?query=%7B__typename%7D', {
      headers: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    })
    expect(JSON.parse(text)).toEqual({
      errors: [{ message: expect.stringContaining('CORS_ORIGINS'), extensions: { code: 'FORBIDDEN' } }],
    })
  })

  test('opens GraphiQL, wherever the link to it stands', async () => {
    const gateway = await startGateway()
    const headers = { accept: 'text/html', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect((await ask(gateway.url, '/graphql', { headers })).status).toBe(200)
  })
})
