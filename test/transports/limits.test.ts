import { once } from 'node:events'
import { connect } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { gzipSync } from 'node:zlib'
import { getIntrospectionQuery } from 'graphql'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { ask } from '../support/callers.ts'
import { order, startGateway } from '../support/gateway.ts'
import { forEverything, forQueries, get, post, transports, webSocketUrl } from '../support/transports.ts'

const kib = 1024
const slowSandbox = { SANDBOX_DELAY_MS: '60000' }
const oneOrder = 'separate(input: { musicTaskId: "m", audioId: "done" }) { __typename }'

function times(count: number, make: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => make(index)).join(' ')
}

/** Levels of `fields { type { … } }`, each a list within a list. */
function nestedFields(levels: number): string {
  return levels === 0 ? '{ name }' : `{ fields { type ${nestedFields(levels - 1)} } }`
}

const hostile: readonly { readonly what: string; readonly query: string; readonly message: RegExp }[] = [
  {
    what: 'more than 2,000 tokens',
    query: `{ ${times(2_000, () => '__typename')} }`,
    message: /Token limit of 2000 exceeded/,
  },
  {
    what: 'more than 12 levels',
    query: `{ ${'... { '.repeat(13)} __typename ${'}'.repeat(13)} }`,
    message: /depth limit of 12 exceeded/,
  },
  {
    what: 'more than 12 levels through fragments',
    query: `{ ...f0 } ${times(12, (i) => `fragment f${i} on Query { ...f${i + 1} }`)} fragment f12 on Query { __typename }`,
    message: /depth limit of 12 exceeded/,
  },
  {
    what: 'more than 100 aliases',
    query: `{ ${times(101, (i) => `a${i}: separation(taskId: "x") { id }`)} }`,
    message: /Aliases limit of 100 exceeded, found 101/,
  },
  {
    what: 'more than 100 aliases through repeated spreads of a fragment',
    query: `{ ${times(6, (i) => `n${i}: node(id: "x") { ...f }`)} } fragment f on Node { ${times(20, (i) => `a${i}: id`)} }`,
    message: /Aliases limit of 100 exceeded, found 126/,
  },
  {
    what: 'more than 50 directives',
    query: `{ ${times(51, () => '__typename @skip(if: false)')} }`,
    message: /Directives limit of 50 exceeded, found 51/,
  },
  {
    what: 'two orders through an alias',
    query: `mutation { ${oneOrder} again: ${oneOrder} }`,
    message: /An operation may contain one "separate" or "separateAll"; this one contains 2/,
  },
  {
    what: 'two orders through a fragment',
    query: `mutation { ${oneOrder} ...f } fragment f on Mutation { again: ${oneOrder} }`,
    message: /An operation may contain one "separate" or "separateAll"; this one contains 2/,
  },
  {
    what: 'two orders through fragments within fragments',
    query: `mutation { ...f ... { ... on Mutation { a: ${oneOrder} } } } fragment f on Mutation { ...g } fragment g on Mutation { b: ${oneOrder} }`,
    message: /An operation may contain one "separate" or "separateAll"; this one contains 2/,
  },
  {
    what: 'two orders, one of them skipped by a directive',
    query: `mutation { a: ${oneOrder} b: ${oneOrder.replace(') {', ') @skip(if: true) {')} }`,
    message: /An operation may contain one "separate" or "separateAll"; this one contains 2/,
  },
  {
    what: 'more than five lists',
    query: `{ ${times(5, (i) => `a${i}: separations(first: 1) { edges { cursor } }`)} ...f } fragment f on Query { separations { edges { cursor } } }`,
    message: /An operation may contain at most 5 "separations"; this one contains 6/,
  },
  {
    what: 'more than a few large pages',
    query: `{ ${times(5, (i) => `a${i}: separations(first: 100) { edges { node { ...f } } }`)} } fragment f on SeparationTask { ${times(60, (i) => `id${i}: id`)} }`,
    message: /This operation costs 58500; the maximum is 50000\./,
  },
  {
    what: 'large pages with their size in a variable',
    query: `query ($n: Int = 1) { ${times(5, (i) => `a${i}: separations(last: $n) { edges { node { ...f } } }`)} } fragment f on SeparationTask { ${times(60, (i) => `id${i}: id`)} }`,
    message: /This operation costs 58500; the maximum is 50000\./,
  },
  {
    what: 'large filtered pages with the filter in a variable',
    query: `query ($w: SeparationFilter) { ${times(5, (i) => `a${i}: separations(first: 100, where: $w) { edges { node { ...f } } }`)} } fragment f on SeparationTask { ${times(30, (i) => `id${i}: id`)} }`,
    message: /This operation costs 53500; the maximum is 50000\./,
  },
  {
    what: 'a large page that repeats the same stems',
    query: `{ separations(first: 100) { edges { node { ...f } } } }
      fragment f on SeparationTask { ${times(10, (i) => `a${i}: stems { ...g }`)} }
      fragment g on StemSet { all { id part label url durationSeconds expiresAt } }`,
    message: /This operation costs \d+; the maximum is 50000\./,
  },
  {
    what: 'a large page that repeats `allStems`',
    query: `{ separations(first: 100) { edges { node { ${times(10, (i) => `a${i}: allStems { ...g }`)} } } } }
      fragment g on Stem { id part label url durationSeconds expiresAt }`,
    message: /This operation costs \d+; the maximum is 50000\./,
  },
  {
    what: 'many introspection queries',
    query: `{ ${times(45, (i) => `a${i}: __schema { types { name fields { name args { name type { name } } type { name ofType { name } } } } }`)} }`,
    message: /This operation costs \d+; the maximum is 50000\./,
  },
  {
    what: 'a cycle of fragments',
    query: `mutation { ...f } fragment f on Mutation { ...g ${oneOrder} } fragment g on Mutation { ...f }`,
    message: /Cannot spread fragment "f" within itself via "g"/,
  },
  {
    what: 'a fragment that spreads itself',
    query: '{ node(id: "x") { ...f } } fragment f on Node { id ...f }',
    message: /Cannot spread fragment "f" within itself/,
  },
  {
    what: 'nested lists of introspection',
    query: `{ __schema { types ${nestedFields(6)} } }`,
    message: /Maximum introspection depth exceeded/,
  },
]

const stemFields = '{ id part label url durationSeconds expiresAt }'
const taskFields =
  'id provider providerTaskId type status settled revision musicTaskId audioId musicId originUrl charge createdAt completedAt expiresAt ' +
  'failure { code providerCode message }'

function list(args: string, more = ''): string {
  const stems = `stems { ... on StemSet { all ${stemFields} missing } ${more} }`
  return `separations(${args}) { edges { cursor node { ${taskFields} ${stems} } } pageInfo { hasNextPage endCursor } }`
}

/** A list with all its fields, and every part by its name. */
function everything(args: string): string {
  const parts = [
    'vocal',
    'backingVocals',
    'drums',
    'bass',
    'guitar',
    'piano',
    'keyboard',
    'percussion',
    'strings',
    'synth',
  ]
  return `{ ${list(args, `... on InstrumentStems { ${parts.map((part) => `${part} ${stemFields}`).join(' ')} }`)} }`
}

describe.each(forEverything)('over %s', (name) => {
  test.each(hostile)('a document with $what is refused', async ({ query, message }) => {
    const gateway = await startGateway(slowSandbox)
    const results = await transports[name](gateway.url, { query })
    expect(results).toEqual([
      {
        errors: expect.arrayContaining([
          expect.objectContaining({
            message: expect.stringMatching(message),
            extensions: { code: expect.stringMatching(/^GRAPHQL_(PARSE|VALIDATION)_FAILED$/) },
          }),
        ]),
      },
    ])
    const ledger = await fetch(`${gateway.url}/sandbox/ledger`)
    expect(await ledger.json()).toMatchObject({ charges: [] })
  })

  test.each([
    { what: 'a page of 100 tasks with all fields', query: everything('first: 100') },
    {
      what: 'the lists of a dashboard',
      query: `query ($n: Int) { ${times(3, (i) => `a${i}: ${list('first: $n')}`)} }`,
    },
    { what: "GraphiQL's introspection", query: getIntrospectionQuery() },
  ])('$what is executed', async ({ query }) => {
    const gateway = await startGateway(slowSandbox)
    const [result] = await transports[name](gateway.url, { query })
    expect(result?.errors).toBeUndefined()
  })

  test('the same `separate` twice under one response name is one order', async () => {
    const gateway = await startGateway(slowSandbox)
    const results = await transports[name](gateway.url, { query: `mutation { ${oneOrder} ${oneOrder} }` })
    expect(results).toEqual([{ data: { separate: { __typename: 'SeparateSuccess' } } }])
    const ledger = await fetch(`${gateway.url}/sandbox/ledger`)
    expect(await ledger.json()).toMatchObject({ total: 1 })
  })
})

describe.each(forQueries)('over %s', (name) => {
  const send = transports[name]

  test("GraphiQL's introspection is answered", async () => {
    const gateway = await startGateway()
    const query = getIntrospectionQuery({
      schemaDescription: true,
      inputValueDeprecation: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
    })
    const [result] = await send(gateway.url, { query })
    expect(result?.errors).toBeUndefined()
    expect(result?.data).toMatchObject({ __schema: { queryType: { name: 'Query' } } })
  })

  test('introspection is refused with INTROSPECTION=false', async () => {
    const gateway = await startGateway({ INTROSPECTION: 'false' })
    for (const query of [
      getIntrospectionQuery(),
      '{ __schema { queryType { name } } }',
      '{ __type(name: "Stem") { name } }',
    ]) {
      const [result] = await send(gateway.url, { query })
      expect(result).not.toHaveProperty('data')
      expect(result?.errors?.[0]?.message).toMatch(/introspection has been disabled/)
    }
    expect(await send(gateway.url, { query: '{ __typename }' })).toEqual([{ data: { __typename: 'Query' } }])
  })

  test('errors suggest no names of the schema with INTROSPECTION=false', async () => {
    const gateway = await startGateway({ INTROSPECTION: 'false' })
    const mistakes: readonly { query: string; variables?: Record<string, unknown> }[] = [
      { query: '{ separatio(taskId: "x") { id } }' },
      { query: '{ separation(taskld: "x") { id } }' },
      { query: '{ separation(taskId: "x") { stems { all { id } } } }' },
      { query: '{ separation(taskId: "x") { id ... on SeparationTsk { id } } }' },
      { query: '{ separation(taskId: "x") }' },
      { query: '{ separation(taskId: "x", provider: SANDBX) { id } }' },
      { query: 'query ($p: Provider) { separation(taskId: "x", provider: $p) { id } }', variables: { p: 'SANDBX' } },
      {
        query: 'query ($w: SeparationFilter) { separations(where: $w) { edges { cursor } } }',
        variables: { w: { audiold: 'x' } },
      },
    ]
    for (const mistake of mistakes) {
      const [result] = await send(gateway.url, mistake)
      expect(result?.errors?.length).toBeGreaterThan(0)
      expect(JSON.stringify(result)).not.toMatch(/Did you mean|Suggestion/)
    }
  })
})

describe('a request body', () => {
  const json = { 'content-type': 'application/json' }
  const tooLarge = {
    errors: [{ message: 'The request body must not exceed 64 KiB.', extensions: { code: 'PAYLOAD_TOO_LARGE' } }],
  }

  test('of 64 KiB is accepted', async () => {
    const gateway = await startGateway()
    const empty = JSON.stringify({ query: '{ __typename }', extensions: { padding: '' } })
    const padding = 'x'.repeat(64 * kib - empty.length)
    const body = JSON.stringify({ query: '{ __typename }', extensions: { padding } })
    expect(body).toHaveLength(64 * kib)
    const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: json, body })
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } })
  })

  test.each([1, 64 * kib, 10 * kib * kib])('of 64 KiB and %d bytes is refused', async (more) => {
    const gateway = await startGateway()
    const body = 'x'.repeat(64 * kib + more)
    const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: json, body })
    expect(response.status).toBe(413)
    expect(await response.json()).toEqual(tooLarge)
  })

  test('without a length is refused as soon as it is too large', async () => {
    const gateway = await startGateway()
    const answer = await sendChunks(gateway.url, 40, Buffer.alloc(64 * kib, 'x'))
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer).toContain('The request body must not exceed 64 KiB.')
  })

  test('that is too large does not close the connection', async () => {
    const gateway = await startGateway()
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write(
      `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${65 * kib}\r\n\r\n`,
    )
    socket.write(Buffer.alloc(65 * kib, 'x'))
    socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const answers = await readAll(socket)
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200'])
  })

  test.each([
    { what: 'a form', type: 'application/x-www-form-urlencoded', body: 'query=%7B__typename%7D' },
    { what: 'an upload', type: 'multipart/form-data; boundary=x', body: '--x--' },
    { what: 'plain text', type: 'text/plain', body: '{"query":"{__typename}"}' },
    { what: 'a bare document', type: 'application/graphql', body: '{ __typename }' },
    { what: 'a type similar to JSON', type: 'application/jsonp', body: '{"query":"{__typename}"}' },
    { what: 'JSON in another charset', type: 'application/json; charset=utf-16', body: '{"query":"{__typename}"}' },
  ])('is refused as $what', async ({ type, body }) => {
    const gateway = await startGateway()
    const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': type }, body })
    expect(response.status).toBe(415)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNSUPPORTED_MEDIA_TYPE' } }] })
  })

  test('that is compressed is refused', async () => {
    const gateway = await startGateway()
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { ...json, 'content-encoding': 'gzip' },
      body: gzipSync('{"query":"{__typename}"}'),
    })
    expect(response.status).toBe(415)
  })

  test.each(['', ' ', 'null', '"query"', '{', '[]', '{}', '{"query":1}', '{"query":"{__typename}","variables":[]}'])(
    'of %j is an error of the client',
    async (body) => {
      const gateway = await startGateway()
      const headers = { ...json, accept: 'application/graphql-response+json' }
      const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers, body })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    },
  )
})

test('a document that is too large gets no other errors', async () => {
  const gateway = await startGateway(slowSandbox)
  const { errors } = await gateway.ask(`{ ${times(101, (i) => `a${i}: nothing`)} }`)
  expect(errors?.map(({ message }) => message)).toEqual([expect.stringContaining('Aliases limit of 100 exceeded')])
})

test('an error message does not repeat long input', async () => {
  const gateway = await startGateway(slowSandbox)
  const wrong = Object.fromEntries(Array.from({ length: 4_000 }, (_, i) => [`a${i}`, i]))
  const query = 'query ($where: SeparationFilter) { separations(where: $where) { edges { cursor } } }'
  const report = [
    { query, variables: { where: wrong } },
    { query, variables: { where: { status: 'x'.repeat(60_000) } } },
    { query: `{ ${'x'.repeat(60_000)} }` },
    { query: `{ separations(first: ${'9'.repeat(60_000)}) { edges { cursor } } }` },
    { query: `{ "${'x'.repeat(60_000)}" }` },
  ].map(async (operation) => {
    const response = await post(gateway.url, operation, 'application/graphql-response+json')
    expect(response.status).toBe(400)
    return (await response.text()).length
  })
  expect(Math.max(...(await Promise.all(report)))).toBeLessThan(10 * kib)
})

test.each(forEverything)('a value of many spaces is refused over %s without blocking other requests', async (name) => {
  const gateway = await startGateway({ ...slowSandbox, INTROSPECTION: 'false' })
  const spaces = ' '.repeat(60_000)
  const operations = [
    { query: `{ separations(first: "${spaces}") { edges { cursor } } }` },
    { query: 'query ($n: Int) { separations(first: $n) { edges { cursor } } }', variables: { n: spaces } },
    {
      query: 'query ($w: SeparationFilter) { separations(where: $w) { edges { cursor } } }',
      variables: { w: { status: spaces, a: 1, b: 2 } },
    },
  ]
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  for (const operation of operations) {
    const [result] = await transports[name](gateway.url, operation)
    expect(result?.errors?.length).toBeGreaterThan(0)
  }
  delay.disable()
  // Each took seconds before, and the time grew with the square of the number of spaces.
  expect(delay.max / 1e6).toBeLessThan(2_000)
})

test('a query that is too long for a URL is refused', async () => {
  const gateway = await startGateway()
  const response = await get(gateway.url, { query: `{ __typename } #${'x'.repeat(20_000)}` }, 'application/json')
  expect(response.status).toBe(431)
})

describe('a socket', () => {
  test('that sends more than 64 KiB is closed without affecting other sockets', async () => {
    const gateway = await startGateway()
    const [bad, good] = await Promise.all([openSocket(gateway.url), openSocket(gateway.url)])
    bad.send(
      JSON.stringify({ id: '1', type: 'subscribe', payload: { query: `{ __typename } #${'x'.repeat(64 * kib)}` } }),
    )
    const [code] = await once(bad, 'close')
    expect(code).toBe(1009)
    good.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ __typename }' } }))
    const [message] = await once(good, 'message')
    expect(JSON.parse(String(message))).toEqual({ id: '1', type: 'next', payload: { data: { __typename: 'Query' } } })
  })

  test.each([
    { what: 'no JSON', message: '{', code: 4400 },
    { what: 'an unknown message type', message: '{"type":"nonsense"}', code: 4400 },
    { what: 'a message that only servers send', message: '{"type":"connection_ack"}', code: 4400 },
    {
      what: 'variables that are a list',
      message: '{"id":"1","type":"subscribe","payload":{"query":"{__typename}","variables":[]}}',
      code: 4400,
    },
    { what: 'the id of a running operation', message: null, code: 4409 },
  ])('that sends $what is closed with $code', async ({ message, code }) => {
    const gateway = await startGateway(slowSandbox)
    const socket = await openSocket(gateway.url)
    const taskId = await order(gateway, { audioId: 'done' })
    const query = `subscription { separationUpdated(taskId: "${taskId}") { id } }`
    const subscribe = JSON.stringify({ id: '1', type: 'subscribe', payload: { query } })
    socket.send(subscribe)
    await once(socket, 'message')
    socket.send(message ?? subscribe)
    expect((await once(socket, 'close'))[0]).toBe(code)
    await expect.poll(() => gateway.app.subscriptions()).toBe(0)
  })

  test('is closed for an id that is used twice, even a long one', async () => {
    const gateway = await startGateway(slowSandbox)
    const taskId = await order(gateway, { audioId: 'done' })
    const query = `subscription { separationUpdated(taskId: "${taskId}") { id } }`
    for (const id of ['x'.repeat(5_000), '\u{1F3B5}'.repeat(1_000)]) {
      const socket = await openSocket(gateway.url)
      const subscribe = JSON.stringify({ id, type: 'subscribe', payload: { query } })
      socket.send(subscribe)
      await once(socket, 'message')
      socket.send(subscribe)
      const [code, reason] = await once(socket, 'close')
      expect(code).toBe(4409)
      expect(String(reason)).toMatch(/^Subscriber for (x|\u{1F3B5})+$/u)
    }
  })

  test('that sends no connection_init is closed', async () => {
    const gateway = await startGateway()
    const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
    onTestFinished(() => socket.terminate())
    expect((await once(socket, 'close'))[0]).toBe(4408)
  })

  test('that sends an operation before connection_init is closed', async () => {
    const gateway = await startGateway()
    const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ __typename }' } }))
    expect((await once(socket, 'close'))[0]).toBe(4401)
  })

  test('that speaks another protocol is closed', async () => {
    const gateway = await startGateway()
    const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-ws')
    onTestFinished(() => socket.terminate())
    await expect(once(socket, 'close')).rejects.toThrow('Server sent no subprotocol')
  })
})

async function openSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(webSocketUrl(url), 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  return socket
}

/** Sends a body in chunks as fast as possible, and returns the answer. */
async function sendChunks(url: string, count: number, chunk: Buffer): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const answer = readAll(socket)
  socket.write(
    'POST /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  for (let sent = 0; sent < count; sent++) {
    socket.write(`${chunk.length.toString(16)}\r\n`)
    socket.write(chunk)
    if (!socket.write('\r\n')) await Promise.race([once(socket, 'drain'), answer])
  }
  socket.write('0\r\n\r\n')
  return answer
}

async function readAll(source: AsyncIterable<unknown>): Promise<string> {
  let text = ''
  for await (const chunk of source) text += String(chunk)
  return text
}

test('an invalid Host header is an error of the client, and the answer reveals no internals', async () => {
  const gateway = await startGateway({ ...slowSandbox, ALLOW_ANONYMOUS: 'true' })
  const body = '{"query":"{ __typename }"}'
  for (const host of ['a b', '127.0.0.1!1', 'localhost:99999999', '[::1', '%', '']) {
    for (const method of ['GET', 'POST', 'OPTIONS', 'PUT']) {
      const headers = { host, 'content-type': 'application/json', accept: 'application/json' }
      const path = '/graphql?query=%7B__typename%7D'
      const { status, text } = await ask(gateway.url, path, { method, headers, ...(method === 'POST' ? { body } : {}) })
      expect({ host, method, status, text }).toEqual({
        host,
        method,
        status,
        text: expect.not.stringContaining('    at '),
      })
      expect({ host, method, status }).not.toEqual({ host, method, status: 500 })
    }
  }
})
