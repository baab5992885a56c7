import { getIntrospectionQuery } from 'graphql'
import { beforeEach, describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'

// The checks of the GraphQL scanner graphql-cop, against a gateway with production settings.

const key = 'key-of-the-scanner'
const authorization = `Bearer ${key}`
let gateway: TestGateway
beforeEach(async () => {
  gateway = await startGateway({ API_KEYS: `scanner:${key}`, PUBLIC_URL: 'https://stems.example' })
})

async function post(body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

async function get(query: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}/graphql?${new URLSearchParams({ query })}`, {
    headers: { authorization, ...headers },
  })
  return { status: response.status, text: await response.text() }
}

async function charges(): Promise<unknown> {
  const ledger: { readonly charges: unknown } = await (await fetch(`${gateway.url}/sandbox/ledger`)).json()
  return ledger.charges
}

const orderTrack = 'mutation { separate(input: { musicTaskId: "m", audioId: "done" }) { __typename } }'

describe('a security scanner finds', () => {
  test('no introspection', async () => {
    const { text } = await post({ query: getIntrospectionQuery() })
    expect(JSON.parse(text)).toHaveProperty('errors')
    expect(JSON.parse(text)).not.toHaveProperty('data')
  })

  test('no suggestions of fields', async () => {
    const { text } = await post({ query: '{ separatio { id } }' })
    expect(text).toContain('Cannot query field')
    expect(text).not.toMatch(/did you mean/i)
  })

  test('no GraphiQL', async () => {
    const response = await fetch(`${gateway.url}/graphql`, { headers: { accept: 'text/html' } })
    expect(response.status).toBe(404)
    expect(await response.text()).toMatch(/^GraphiQL is off/)
  })

  test('that many aliases are refused', async () => {
    const query = `{ ${Array.from({ length: 101 }, (_, index) => `a${index}: __typename`).join(' ')} }`
    expect((await post({ query })).text).toMatch(/alias/i)
  })

  test('that many directives are refused', async () => {
    const { text } = await post({ query: `{ __typename ${'@include(if: true) '.repeat(60)} }` })
    expect(text).toMatch(/directive/i)
    expect(text).not.toContain('"Query"')
  })

  test('that many repetitions of a field are refused', async () => {
    const { text } = await post({ query: `{ ${'__typename '.repeat(5_000)} }` })
    expect(text).toMatch(/token/i)
  })

  test('no batching', async () => {
    const { status, text } = await post(Array.from({ length: 10 }, () => ({ query: '{ __typename }' })))
    expect(status).toBe(400)
    expect(text).not.toContain('"Query"')
  })

  test('no tracing', async () => {
    const { text } = await post({ query: '{ __typename }' }, { 'apollo-tracing': '1', 'x-apollo-tracing': '1' })
    expect(JSON.parse(text)).toEqual({ data: { __typename: 'Query' } })
  })

  test('no mutation by GET', async () => {
    expect((await get(orderTrack)).status).toBe(405)
    expect(await charges()).toEqual([])
  })

  test.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'])(
    'that form posts, which any web page can send, are refused (%s)',
    async (type) => {
      const body = type.startsWith('multipart')
        ? `--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n${orderTrack}\r\n--x--\r\n`
        : `query=${encodeURIComponent(orderTrack)}`
      expect((await post(body, { 'content-type': type })).status).toBe(415)
      expect(await charges()).toEqual([])
    },
  )

  test('no stack in an error', async () => {
    for (const query of ['query { separation(taskId: {}) { id } }', '{', 'query ($x: Nothing!) { __typename }']) {
      const { text } = await post({ query, variables: [] })
      expect(text).not.toMatch(/\bat \w+ \(|node_modules|\.ts:|"stack"/)
    }
  })
})
