import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { ErrorLink } from '@apollo/client/link/error'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, twoCallers, webKey, wrongKey } from '../support/callers.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startPlayedProvider } from '../support/played-provider.ts'
import { openLine } from '../support/raw-line.ts'

const modern = 'application/graphql-response+json'
const json = 'application/json'
const type = { 'content-type': json }
const body = '{"query":"{ __typename }"}'

interface Refusal {
  readonly status: number
  readonly code: string
  readonly environment?: Readonly<Record<string, string>>
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The number of requests sent before it. */
  readonly before?: number
}

const refusals: readonly Refusal[] = [
  { status: 400, code: 'BAD_REQUEST', headers: type, body: '{"query":' },
  { status: 400, code: 'BAD_REQUEST', headers: { ...type, host: 'a b' }, environment: { ALLOW_ANONYMOUS: 'true' } },
  { status: 400, code: 'BAD_REQUEST', method: 'GET', path: '/graphql?query=%7B__typename%7D&variables=%7B' },
  { status: 401, code: 'UNAUTHENTICATED', environment: twoCallers, headers: type },
  {
    status: 401,
    code: 'UNAUTHENTICATED',
    environment: twoCallers,
    headers: { ...type, authorization: `Bearer ${wrongKey}` },
  },
  { status: 403, code: 'FORBIDDEN', headers: { ...type, host: 'evil.example' } },
  { status: 404, code: 'NOT_FOUND', path: '/graphql/', headers: type },
  { status: 413, code: 'PAYLOAD_TOO_LARGE', headers: type, body: 'x'.repeat(65 * 1024) },
  { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', headers: { 'content-type': 'text/plain' } },
  { status: 429, code: 'RATE_LIMITED', environment: { REQUESTS_PER_MINUTE: '1' }, headers: type, before: 1 },
]

describe.each(refusals)('a refusal of /graphql with $status $code', (refusal) => {
  test.each([
    { accept: modern, expected: modern },
    { accept: `${modern},${json};q=0.9`, expected: modern },
    { accept: `${json}; q=0.5, ${modern}`, expected: modern },
    { accept: `${modern.toUpperCase()}; charset=utf-8`, expected: modern },
    { accept: json, expected: json },
    { accept: `${json}, ${modern};q=0.5`, expected: json },
    { accept: `${modern};q=0, */*`, expected: json },
    { accept: '*/*', expected: json },
    { accept: 'application/*', expected: json },
    { accept: 'text/event-stream', expected: json },
    { accept: undefined, expected: json },
  ])('has the media type that the client accepts ($accept)', async ({ accept, expected }) => {
    const { environment = {}, path = '/graphql', method = 'POST', headers = {}, before = 0 } = refusal
    const gateway = await startGateway(environment)
    const sent = method === 'GET' ? {} : { body: refusal.body ?? body }
    const init = { method, ...sent, headers: { ...headers, ...(accept === undefined ? {} : { accept }) } }
    for (let nth = 0; nth < before; nth++) await ask(gateway.url, path, init)
    const answer = await ask(gateway.url, path, init)
    expect(answer.status).toBe(refusal.status)
    expect(answer.headers['content-type']).toBe(`${expected}; charset=utf-8`)
    expect(JSON.parse(answer.text)).toEqual({
      errors: [{ message: expect.any(String), extensions: { code: refusal.code } }],
    })
  })
})

test('a stopping gateway refuses a page in the media type that it accepts, and a person with a page', async () => {
  const provider = await startPlayedProvider()
  const origin = 'https://app.example.com'
  const gateway = await startGateway({ ...provider.environment, CORS_ORIGINS: origin })
  const kept = openLine(gateway.url, onTestFinished)
  const [beginning, end] = [
    `POST /graphql HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\nAccept: ${modern}\r\n`,
    `Content-Type: ${json}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  ]
  kept.socket.write(beginning + end)
  await expect.poll(kept.statuses, { timeout: 10_000 }).toEqual([200])
  const browser = openLine(gateway.url, onTestFinished)
  const opening = 'GET /nothing HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n'
  browser.socket.write(`${opening}\r\n`)
  await expect.poll(browser.statuses, { timeout: 10_000 }).toEqual([404])
  // An order that the provider does not answer delays the end of the stop.
  const isBlocked = new Promise<void>((resolve) => {
    provider.answerSubmit((response) => {
      onTestFinished(() => void response.destroy())
      resolve()
    })
  })
  void orderOf(gateway).catch(() => null)
  await isBlocked
  // A connection without a started request would be closed at once.
  kept.socket.write(beginning)
  browser.socket.write(opening)
  await fetch(`${gateway.url}/health/live`)
  void gateway.close()
  kept.socket.write(end)
  browser.socket.write('\r\n')
  const [, second = ''] = (await kept.closed).split(/(?=HTTP\/1\.1 503)/)
  expect(second).toMatch(/^content-type: application\/graphql-response\+json; charset=utf-8\r$/im)
  expect(second).toMatch(/^access-control-allow-origin: https:\/\/app\.example\.com\r$/im)
  expect(second).toContain('"extensions":{"code":"UNAVAILABLE"}')
  const [, page = ''] = (await browser.closed).split(/(?=HTTP\/1\.1 503)/)
  expect(page).toMatch(/^content-type: text\/html; charset=utf-8\r$/im)
  expect(page).toContain('The gateway is stopping. Try again.')
  await provider.die()
})

function orderOf(gateway: TestGateway): Promise<unknown> {
  return gateway.ask('mutation { separate(input: { musicTaskId: "m", audioId: "a" }) { __typename } }')
}

describe("Apollo Client's error link", () => {
  /** The error codes that the link sees for each request. */
  async function codesOf(url: string, headers: Record<string, string>, requests: number): Promise<unknown[][]> {
    const seen: unknown[][] = []
    const errors = new ErrorLink(({ error }) => {
      seen.push(
        CombinedGraphQLErrors.is(error) ? error.errors.map(({ extensions }) => extensions?.['code']) : [error.name],
      )
    })
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: ApolloLink.from([errors, new HttpLink({ uri: url, headers })]),
    })
    onTestFinished(() => client.stop())
    const query = gql`
      {
        __typename
      }
    `
    for (let nth = 0; nth < requests; nth++) {
      await client.query({ query, fetchPolicy: 'no-cache' }).catch(() => null)
    }
    return seen
  }

  test('sees UNAUTHENTICATED', async () => {
    const { url } = await startGateway(twoCallers)
    expect(await codesOf(`${url}/graphql`, { authorization: `Bearer ${wrongKey}` }, 1)).toEqual([['UNAUTHENTICATED']])
  })

  test('sees RATE_LIMITED', async () => {
    const { url } = await startGateway({ ...twoCallers, REQUESTS_PER_MINUTE: '1' })
    expect(await codesOf(`${url}/graphql`, { authorization: `Bearer ${webKey}` }, 2)).toEqual([['RATE_LIMITED']])
  })

  test('sees NOT_FOUND for a misspelt path', async () => {
    const { url } = await startGateway()
    expect(await codesOf(`${url}/graphql/`, {}, 1)).toEqual([['NOT_FOUND']])
  })
})

test('a request without a query is refused with a sentence that says so', async () => {
  const { url } = await startGateway()
  const headers = { 'content-type': 'application/json', accept: 'application/graphql-response+json' }
  const posted = await fetch(`${url}/graphql`, { method: 'POST', headers, body: '{}' })
  const fetched = await fetch(`${url}/graphql`, { headers })
  for (const response of [posted, fetched]) {
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({
      errors: [{ message: 'The request has no query.', extensions: { code: 'BAD_REQUEST' } }],
    })
  }
})

describe('a body of invalid JSON', () => {
  test.each(['', ' ', '{', '{"query":', 'query { __typename }', '{"query":"{ __typename }"}}'])(
    'gets one error that does not repeat the body (%j)',
    async (sent) => {
      const gateway = await startGateway()
      for (const accept of [json, modern, 'text/event-stream']) {
        const { status, text } = await ask(gateway.url, '/graphql', {
          method: 'POST',
          headers: { ...type, accept },
          body: sent,
        })
        expect(status).toBe(400)
        expect(JSON.parse(text)).toEqual({
          errors: [{ message: 'The request body must be JSON.', extensions: { code: 'BAD_REQUEST' } }],
        })
      }
      expect(gateway.logged.filter((line) => !line.includes('"level":20'))).toEqual([])
    },
  )
})
