import { describe, expect, test } from 'vitest'
import { ask, callerOf, mobileKey, openSocket, startGuarded, twoCallers, webKey } from '../support/callers.ts'
import { forEverything, forQueries, transports, withCredential, get, post } from '../support/transports.ts'

const slowSandbox = { SANDBOX_DELAY_MS: '60000' }
const operation = { query: '{ __typename }' }
const answered = [{ data: { __typename: 'Query' } }]

describe('REQUESTS_PER_MINUTE', () => {
  test.each(['POST', 'GET', 'SSE by POST', 'SSE by GET'] as const)('limits requests over %s', async (name) => {
    const { url } = await startGuarded({ ...twoCallers, REQUESTS_PER_MINUTE: '3' })
    const send = (key: string) => transports[name](url, operation, `Bearer ${key}`)
    for (let nth = 0; nth < 3; nth++) expect(await send(webKey)).toEqual(answered)
    const accept = name.startsWith('SSE') ? 'text/event-stream' : 'application/json'
    const response = await (name.endsWith('GET') ? get : post)(
      url,
      operation,
      accept,
      withCredential(`Bearer ${webKey}`),
    )
    const retryAfter = Number(response.headers.get('retry-after'))
    expect(response.status).toBe(429)
    expect(retryAfter).toBeGreaterThan(50)
    expect(retryAfter).toBeLessThanOrEqual(60)
    expect(await response.json()).toEqual({
      errors: [{ message: `Too many requests. Try again in ${retryAfter} s.`, extensions: { code: 'RATE_LIMITED' } }],
    })
    expect(await send(mobileKey)).toEqual(answered)
  })

  test('counts each operation of a socket and leaves the socket open', async () => {
    const { url } = await startGuarded({ ...twoCallers, ...slowSandbox, REQUESTS_PER_MINUTE: '3' })
    const taskId = await callerOf({ url }, webKey).order({ audioId: 'done' })
    const socket = openSocket(url, { authorization: `Bearer ${webKey}` })
    await socket.reachability(1)
    socket.subscribe('watch', `subscription { separationUpdated(taskId: "${taskId}") { status } }`)
    await socket.reachability(2)
    socket.subscribe('read', '{ __typename }')
    await socket.reachability(4)
    for (const query of [
      '{ __typename }',
      '{',
      `mutation { separate(input: { musicTaskId: "m", audioId: "slow" }) { __typename } }`,
    ]) {
      const before = socket.messages.length
      socket.subscribe('more', query)
      await socket.reachability(before + 1)
      expect(socket.messages.at(-1)).toEqual({
        id: 'more',
        type: 'error',
        payload: [
          {
            message: expect.stringMatching(/^Too many requests\. Try again in \d+ s\.$/),
            extensions: { code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) },
          },
        ],
      })
    }
    expect(JSON.parse((await ask(url, '/sandbox/ledger')).text)).toMatchObject({ total: 1 })
    expect(socket.ws.readyState).toBe(socket.ws.OPEN)
    const others = openSocket(url, { authorization: `Bearer ${mobileKey}` })
    await others.reachability(1)
    others.subscribe('read', '{ __typename }')
    await others.reachability(2)
    expect(others.messages[1]).toMatchObject({ payload: { data: { __typename: 'Query' } } })
  })

  test('is shared by all transports of a caller', async () => {
    const { url } = await startGuarded({ ...twoCallers, REQUESTS_PER_MINUTE: '5' })
    for (const name of forQueries) expect(await transports[name](url, operation, `Bearer ${webKey}`)).toEqual(answered)
    expect((await callerOf({ url }, webKey).send('{ __typename }')).status).toBe(429)
    expect(await transports.WebSocket(url, operation, `Bearer ${webKey}`)).toMatchObject([
      { errors: [{ extensions: { code: 'RATE_LIMITED' } }] },
    ])
  })

  test('does not count requests that fail authentication', async () => {
    const { url } = await startGuarded({ ...twoCallers, REQUESTS_PER_MINUTE: '2' })
    const invalidTokenRate = Array.from({ length: 300 }, (_, index) => `stranger-${index}-0123456789`)
    for (const stranger of invalidTokenRate)
      expect((await callerOf({ url }, stranger).send('{ __typename }')).status).toBe(401)
    for (let nth = 0; nth < 5; nth++) expect((await post(url, operation, 'application/json')).status).toBe(401)
    for (const status of [200, 200, 429]) {
      expect((await callerOf({ url }, webKey).send('{ __typename }')).status).toBe(status)
    }
    // A wrong key neither uses up another caller's limit nor learns about it.
    expect((await callerOf({ url }, `${webKey}x`).send('{ __typename }')).status).toBe(401)
  })

  test('applies to anonymous callers', async () => {
    const { url } = await startGuarded({ REQUESTS_PER_MINUTE: '1' })
    expect(await transports.POST(url, operation)).toEqual(answered)
    expect((await post(url, operation, 'application/json')).status).toBe(429)
  })

  test('does not apply to health, metrics and callbacks', async () => {
    const { url } = await startGuarded({ ...twoCallers, REQUESTS_PER_MINUTE: '1' })
    const headers = { authorization: `Bearer ${webKey}` }
    for (let nth = 0; nth < 3; nth++) {
      expect((await ask(url, '/health/ready', { headers })).status).toBe(200)
      expect((await ask(url, '/metrics', { headers })).status).toBe(200)
      expect((await ask(url, '/callbacks/kie/x/y', { method: 'POST', headers, body: '{}' })).status).not.toBe(429)
    }
  })
})

describe('SEPARATES_PER_MINUTE', () => {
  test.each(forEverything)('limits orders over %s', async (name) => {
    const { url } = await startGuarded({ ...twoCallers, ...slowSandbox, SEPARATES_PER_MINUTE: '2' })
    const orderBy = async (key: string, audioId: string) => {
      const query = `mutation { separate(input: { musicTaskId: "music", audioId: "${audioId}" }) {
        __typename
        ... on SeparateError { message retryable }
        ... on RateLimitedError { retryAfterSeconds }
      } }`
      const [result] = await transports[name](url, { query }, `Bearer ${key}`)
      return result?.data?.['separate']
    }
    for (const audioId of ['done', 'slow'])
      expect(await orderBy(webKey, audioId)).toEqual({ __typename: 'SeparateSuccess' })
    // The second order returns an existing task. It counts as well.
    for (const audioId of ['silent', 'done']) {
      const refused = await orderBy(webKey, audioId)
      expect(refused).toEqual({
        __typename: 'RateLimitedError',
        message: expect.stringMatching(/Nothing was ordered\. Try again in \d+ s\./),
        retryable: true,
        retryAfterSeconds: expect.any(Number),
      })
      const { retryAfterSeconds } = refused as { retryAfterSeconds: number }
      expect(retryAfterSeconds).toBeGreaterThan(50)
      expect(retryAfterSeconds).toBeLessThanOrEqual(60)
    }
    expect(JSON.parse((await ask(url, '/sandbox/ledger')).text)).toMatchObject({ total: 2 })
    expect(await orderBy(mobileKey, 'silent')).toEqual({ __typename: 'SeparateSuccess' })
    // Reads still work.
    expect(await transports[name](url, operation, `Bearer ${webKey}`)).toEqual(answered)
  })

  test('counts invalid orders as well', async () => {
    const gateway = await startGuarded({ ...twoCallers, ...slowSandbox, SEPARATES_PER_MINUTE: '1' })
    const web = callerOf(gateway, webKey)
    expect(await web.separate({ audioId: '' })).toMatchObject({ __typename: 'InvalidInputError' })
    expect(await web.separate({ audioId: 'done' })).toMatchObject({ __typename: 'RateLimitedError' })
  })
})
