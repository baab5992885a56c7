import { constants } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Duplex } from 'node:stream'
import { createClient } from 'graphql-ws'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import {
  ask,
  callerOf,
  mobileKey,
  openSocket,
  openStream,
  secrets,
  soon,
  startGuarded,
  twoCallers,
  webKey,
  wrongKey,
} from '../support/callers.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { readMetrics } from '../support/metrics.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { pendingTask } from '../support/tasks.ts'
import {
  forEverything,
  forQueries,
  forSubscriptions,
  get,
  post,
  transports,
  webSocketUrl,
  withCredential,
  type TransportName,
} from '../support/transports.ts'
import { startWiredGateway } from '../support/wired-gateway.ts'
import { canary } from '../support/canaries.ts'
import type { Store } from '../../src/separation/store/store.ts'

/** A sandbox whose tasks stay pending during a test. */
const slowSandbox = { SANDBOX_DELAY_MS: '60000' }
const json = { 'content-type': 'application/json' }
const operation = { query: '{ __typename }' }
const watch = (taskId: string) => `subscription { separationUpdated(taskId: "${taskId}") { id status } }`

const refusals: readonly { readonly what: string; readonly authorization: string | undefined }[] = [
  { what: 'no credential', authorization: undefined },
  { what: 'an empty credential', authorization: '' },
  { what: 'the scheme alone', authorization: 'Bearer' },
  { what: 'a wrong key', authorization: `Bearer ${wrongKey}` },
  { what: 'a key with one character changed', authorization: `Bearer ${webKey.slice(0, -1)}8` },
  { what: 'a key in capitals', authorization: `Bearer ${webKey.toUpperCase()}` },
  { what: 'a truncated key', authorization: `Bearer ${webKey.slice(0, -1)}` },
  { what: 'a key with an extra character', authorization: `Bearer ${webKey}0` },
  { what: 'a name with its key', authorization: `Bearer web:${webKey}` },
  { what: 'two keys', authorization: `Bearer ${webKey} ${mobileKey}` },
  { what: 'a key without a scheme', authorization: webKey },
  { what: 'a key in another scheme', authorization: `Basic ${btoa(`web:${webKey}`)}` },
  { what: 'something like a token', authorization: 'Bearer e30.e30.e30' },
]

/** The answer to a request with this credential. */
async function come(name: TransportName, url: string, authorization: string | undefined): Promise<object> {
  if (name === 'WebSocket') {
    const socket = openSocket(url, authorization === undefined ? undefined : { authorization })
    return Promise.race([
      socket.closed.then((code) => ({ closed: code, messages: socket.messages })),
      socket.reachability(1).then(
        () => ({ let: 'in' }),
        () => new Promise<never>(() => {}),
      ),
    ])
  }
  const accept = name.startsWith('SSE') ? 'text/event-stream' : 'application/json'
  const send = name.endsWith('GET') ? get : post
  const response = await send(url, operation, accept, withCredential(authorization))
  if (response.status === 200) {
    await response.text()
    return { let: 'in' }
  }
  return {
    status: response.status,
    authenticate: response.headers.get('www-authenticate'),
    body: await response.json(),
  }
}

function refusedBy(name: TransportName): object {
  if (name === 'WebSocket') return { closed: 4401, messages: [] }
  return {
    status: 401,
    authenticate: 'Bearer realm="stemgate"',
    body: { errors: [{ message: expect.any(String), extensions: { code: 'UNAUTHENTICATED' } }] },
  }
}

describe.each(forQueries)('over %s', (name) => {
  test('only callers with a valid key are answered', async () => {
    const { url } = await startGuarded(twoCallers)
    for (const { what, authorization } of refusals) {
      expect({ what, ...(await come(name, url, authorization)) }).toEqual({ what, ...refusedBy(name) })
    }
    for (const authorization of [`Bearer ${webKey}`, `bearer  ${mobileKey}`]) {
      expect(await come(name, url, authorization)).toEqual({ let: 'in' })
      expect(await transports[name](url, operation, authorization)).toEqual([{ data: { __typename: 'Query' } }])
    }
  })

  test('no credential is needed with ALLOW_ANONYMOUS=true, and an invalid one is still refused', async () => {
    const { url } = await startGuarded({ ...twoCallers, ALLOW_ANONYMOUS: 'true' })
    for (const { what, authorization } of refusals) {
      const expected = authorization === undefined ? { let: 'in' } : refusedBy(name)
      expect({ what, ...(await come(name, url, authorization)) }).toEqual({ what, ...expected })
    }
    expect(await come(name, url, `Bearer ${webKey}`)).toEqual({ let: 'in' })
  })
})

describe('a socket', () => {
  test('accepts its credential in the header of the upgrade', async () => {
    const { url } = await startGuarded(twoCallers)
    const good = openSocket(url, undefined, { authorization: `Bearer ${webKey}` })
    await good.reachability(1)
    expect(await openSocket(url, undefined, { authorization: `Bearer ${wrongKey}` }).closed).toBe(4401)
  })

  test.each([
    ['Authorization', { Authorization: `Bearer ${webKey}` }],
    ['AUTHORIZATION', { AUTHORIZATION: `bearer ${webKey}` }],
    ['headers.authorization', { headers: { authorization: `Bearer ${webKey}` } }],
    ['headers.Authorization', { headers: { Authorization: `Bearer ${webKey}`, accept: '*/*' } }],
    ['Headers.AUTHORIZATION', { Headers: { AUTHORIZATION: `Bearer ${webKey}` } }],
  ])('accepts its credential in connectionParams as %s', async (_what, params) => {
    const { url } = await startGuarded({ ...twoCallers, ALLOW_ANONYMOUS: 'true', ...slowSandbox })
    const taskId = await callerOf({ url }, webKey).order({ audioId: 'done' })
    const socket = openSocket(url, params)
    await socket.reachability(1)
    socket.subscribe('own', `{ separation(taskId: "${taskId}") { id } }`)
    await socket.reachability(3)
    expect(socket.messages[1]).toMatchObject({ payload: { data: { separation: { id: taskId } } } })
  })

  const good = `Bearer ${webKey}`
  const bad = `Bearer ${wrongKey}`
  const header = (authorization: string) => ({ authorization })

  test.each([
    ['a wrong one in the header', { authorization: good }, header(bad)],
    ['a wrong one in connectionParams', { authorization: bad }, header(good)],
    ['a wrong one in another spelling', { authorization: good, Authorization: bad }, {}],
    ['a wrong one in a spelling before', { Authorization: bad, authorization: good }, {}],
    ['a wrong key in headers', { authorization: good, headers: { authorization: bad } }, {}],
    ['a wrong key beside headers', { authorization: bad, headers: { Authorization: good } }, {}],
    ['a value that is not a string', { authorization: good, headers: { authorization: 5 } }, {}],
    ['an empty credential', { authorization: good, Authorization: '' }, {}],
    ['the credentials of a proxy', { authorization: good }, header(`Basic ${btoa('a:b')}`)],
    ['the key of another caller', { authorization: good, headers: header(`Bearer ${mobileKey}`) }, {}],
    ['the key of another caller in the header', { authorization: good }, header(`Bearer ${mobileKey}`)],
  ])('is refused with a valid credential and %s', async (_what, params, headers) => {
    const { url } = await startGuarded({ ...twoCallers, ALLOW_ANONYMOUS: 'true' })
    expect(await openSocket(url, params, headers).closed).toBe(4401)
  })

  test('accepts the same credential in several places', async () => {
    const { url } = await startGuarded(twoCallers)
    const everywhere = { authorization: good, Authorization: `bearer  ${webKey}`, headers: { Authorization: good } }
    await openSocket(url, everywhere, header(good)).reachability(1)
    for (const nothing of [null, { authorization: null }, 'none', 7, []]) {
      await openSocket(url, { authorization: good, Authorization: null, headers: nothing }).reachability(1)
    }
  })

  test.each([
    ['a number', 5],
    ['a boolean', true],
    ['an object', {}],
    ['a list', ['Bearer']],
    ['a key in an object', { token: webKey }],
  ])('is refused with %s as credential', async (_what, authorization) => {
    const { url } = await startGuarded({ ...twoCallers, ALLOW_ANONYMOUS: 'true' })
    expect(await openSocket(url, { authorization }).closed).toBe(4401)
  })

  test.each([
    ['no key', undefined],
    ['a wrong key', `Bearer ${wrongKey}`],
  ])('is not reopened by its client after a refusal (%s)', async (_what, authorization) => {
    const { url } = await startGuarded(twoCallers)
    let connections = 0
    const client = createClient({
      url: webSocketUrl(url),
      webSocketImpl: WebSocket,
      retryAttempts: 3,
      retryWait: async () => {},
      connectionParams: { authorization },
      on: { connecting: () => (connections += 1) },
    })
    onTestFinished(() => void client.dispose())
    await expect(client.iterate(operation).next()).rejects.toMatchObject({ code: 4401 })
    expect(connections).toBe(1)
  })

  test('is closed if it sends an operation before authentication', async () => {
    const { url } = await startGuarded(twoCallers)
    const ws = new WebSocket(webSocketUrl(url), 'graphql-transport-ws', {
      headers: { authorization: `Bearer ${webKey}` },
    })
    onTestFinished(() => ws.terminate())
    await once(ws, 'open')
    ws.send(JSON.stringify({ id: '1', type: 'subscribe', payload: operation }))
    expect((await once(ws, 'close'))[0]).toBe(4401)
  })
})

test('a request with two credentials is refused unless they are equal', async () => {
  const { url } = await startGuarded({ ...twoCallers, ALLOW_ANONYMOUS: 'true' })
  const statusOf = async (...credentials: readonly string[]) => {
    const headers = ['content-type', json['content-type'], ...credentials.flatMap((each) => ['authorization', each])]
    const request = httpRequest(`${url}/graphql`, { method: 'POST', headers: [...headers, 'host', 'localhost'] })
    request.end(JSON.stringify(operation))
    const [response] = await once(request, 'response')
    response.resume()
    return response.statusCode
  }
  const [web, mobile, wrong] = [`Bearer ${webKey}`, `Bearer ${mobileKey}`, `Bearer ${wrongKey}`]
  expect(await statusOf(web, wrong)).toBe(401)
  expect(await statusOf(wrong, web)).toBe(401)
  expect(await statusOf(web, mobile)).toBe(401)
  expect(await statusOf(web, '')).toBe(401)
  expect(await statusOf(web, web)).toBe(200)
})

test('a request through a proxy needs a valid key', async () => {
  const { url } = await startGuarded(twoCallers)
  const proxied = {
    host: 'stems.example',
    'x-forwarded-for': '203.0.113.7',
    via: '1.1 proxy',
    origin: 'https://stems.example',
  }
  const asking = { method: 'POST', body: JSON.stringify(operation) }
  const authorization = `Bearer ${webKey}`
  const good = await ask(url, '/graphql', { ...asking, headers: { ...json, ...proxied, authorization } })
  expect(good).toMatchObject({ status: 200, text: '{"data":{"__typename":"Query"}}' })
  expect(await ask(url, '/graphql', { ...asking, headers: { ...json, ...proxied } })).toMatchObject({ status: 401 })
  await openSocket(url, { authorization }, proxied).reachability(1)
  expect(await openSocket(url, {}, proxied).closed).toBe(4401)
})

describe('a task of another caller', () => {
  const read = 'query ($taskId: ID!) { separation(taskId: $taskId) { id status } }'
  const list = '{ separations(first: 10) { edges { node { id } } pageInfo { hasNextPage endCursor } } }'

  test.each(forQueries)('looks like an unknown task over %s', async (name) => {
    const gateway = await startGuarded({ ...twoCallers, ...slowSandbox })
    const [web, mobile] = [callerOf(gateway, webKey), callerOf(gateway, mobileKey)]
    const taskId = await web.order({ audioId: 'done' })
    const send = (query: string, variables: Record<string, unknown> = {}) =>
      transports[name](gateway.url, { query, variables }, mobile.authorization)
    expect(await send(read, { taskId })).toEqual([{ data: { separation: null } }])
    expect(await send(read, { taskId: newTaskId() })).toEqual([{ data: { separation: null } }])
    expect(await send(list)).toEqual([
      { data: { separations: { edges: [], pageInfo: { hasNextPage: false, endCursor: null } } } },
    ])
    const own = await transports[name](gateway.url, { query: read, variables: { taskId } }, web.authorization)
    expect(own).toEqual([{ data: { separation: { id: taskId, status: 'PENDING' } } }])
  })

  test.each(forSubscriptions)('cannot be watched over %s', async (name) => {
    const gateway = await startGuarded({ ...twoCallers, ...slowSandbox })
    const taskId = await callerOf(gateway, webKey).order({ audioId: 'done' })
    for (const id of [taskId, newTaskId()]) {
      const report = await transports[name](gateway.url, { query: watch(id) }, `Bearer ${mobileKey}`)
      expect(report).toEqual([{ data: { separationUpdated: null } }])
    }
    expect(gateway.app.subscriptions()).toBe(0)
  })

  test('gets byte for byte the answer of an unknown task, by either id', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGuarded({ ...twoCallers, ...provider.environment })
    const [web, mobile] = [callerOf(gateway, webKey), callerOf(gateway, mobileKey)]
    const taskId = await web.order()
    const { body } = await provider.order(0)
    expect((await web.result(`{ separation(taskId: "provider-task-1") { id } }`)).data).toEqual({
      separation: { id: taskId },
    })
    expect(provider.reads).toEqual([])
    const nobodys = { code: 200, msg: 'success', data: null }
    const seen = recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl })

    const bytes = async (id: string) => {
      const { status, headers, text } = await mobile.send(`{ separation(taskId: "${id}") { id status } }`)
      return { status, headers: { ...headers, date: '', 'x-request-id': '', traceparent: '' }, text }
    }
    const missing = await bytes(newTaskId())
    expect(missing).toMatchObject({ status: 200, text: '{"data":{"separation":null}}' })
    expect(await bytes(taskId)).toEqual(missing)
    provider.answerRead(seen)
    expect(await bytes('provider-task-1')).toEqual(missing)
    provider.answerRead(nobodys)
    expect(await bytes('provider-task-7')).toEqual(missing)
    expect(provider.reads).toEqual(['provider-task-1', 'provider-task-7'])

    const stream = async (id: string) => {
      const opened = await openStream(gateway.url, watch(id), {
        accept: 'text/event-stream',
        authorization: mobile.authorization,
      })
      expect(await opened.ended).toBe('ended')
      return opened.text()
    }
    const unwatched = await stream(newTaskId())
    for (const id of [taskId, 'provider-task-1', 'provider-task-7']) expect(await stream(id)).toBe(unwatched)
    // The provider's answer updates the owner's task.
    expect((await web.result(`{ separation(taskId: "${taskId}") { status } }`)).data).toEqual({
      separation: { status: 'SUCCESS' },
    })
  })

  test('causes the same reads of the store as an unknown task', async () => {
    const calls: string[] = []
    const gateway = await startWiredGateway({
      apiKeys: [
        { name: 'web', key: webKey },
        { name: 'mobile', key: mobileKey },
      ],
      wrap: (store) => counting(store, calls),
    })
    const task = { ...pendingTask(), owner: 'key:web' }
    await gateway.put(task)
    const counted = async (query: (id: string) => string, id: string, name: TransportName) => {
      calls.length = 0
      const results = await transports[name](gateway.url, { query: query(id) }, `Bearer ${mobileKey}`)
      return { results, calls: [...calls] }
    }
    const one = (id: string) => `{ separation(taskId: "${id}") { id } }`
    for (const [query, name] of [
      [one, 'POST'],
      [one, 'WebSocket'],
      [watch, 'SSE by POST'],
      [watch, 'WebSocket'],
    ] as const) {
      const unknown = await counted(query, newTaskId(), name)
      expect(unknown.calls).toEqual(['find'])
      expect(await counted(query, task.id, name)).toEqual(unknown)
    }
    const unbound = await counted(one, 'provider-task-of-nobody', 'POST')
    // Once for all ids of the query, and again for this one before the provider is asked.
    expect(unbound.calls).toEqual(['findBound', 'findBound'])
    expect(await counted(one, task.providerTaskId ?? '', 'POST')).toEqual(unbound)
  })

  test.each(forEverything)(
    'is never returned for an order of this caller, which is a separate charge, over %s',
    async (name) => {
      const gateway = await startGuarded({ ...twoCallers, ...slowSandbox })
      const orderBy = async (key: string, input: string) => {
        const query = `mutation { separate(input: { musicTaskId: "music", ${input} }) { __typename ... on SeparateSuccess { reused task { id } } } }`
        const [result] = await transports[name](gateway.url, { query }, `Bearer ${key}`)
        return result?.data?.['separate'] as { reused: boolean; task: { id: string } }
      }
      const charges = async () => JSON.parse((await ask(gateway.url, '/sandbox/ledger')).text).total
      const mine = await orderBy(webKey, 'audioId: "done"')
      const others = await orderBy(mobileKey, 'audioId: "done"')
      expect([mine.reused, others.reused, mine.task.id === others.task.id]).toEqual([false, false, false])
      expect(await charges()).toBe(2)
      expect(await orderBy(mobileKey, 'audioId: "done"')).toEqual({ ...others, reused: true })

      const keyed = 'idempotencyKey: "the-same"'
      const first = await orderBy(webKey, `audioId: "slow", ${keyed}`)
      const second = await orderBy(mobileKey, `audioId: "slow", ${keyed}`)
      expect(second).toMatchObject({ reused: false })
      expect(second.task.id).not.toBe(first.task.id)
      // Also with another input: idempotency keys of other callers do not conflict.
      const other = 'idempotencyKey: "another"'
      await orderBy(webKey, `audioId: "silent", ${other}`)
      expect(await orderBy(mobileKey, `audioId: "doubled", ${other}`)).toMatchObject({ reused: false })
      expect(await charges()).toBe(6)
      expect(await orderBy(webKey, `audioId: "slow", ${keyed}`)).toEqual({ ...first, reused: true })
    },
  )
})

/** Wraps the store and records the name of each method that is called. */
function counting(store: Store, calls: string[]): Store {
  return new Proxy(store, {
    get(target, name, receiver) {
      calls.push(String(name))
      return Reflect.get(target, name, receiver)
    },
  })
}

describe('API_KEYS_FILE', () => {
  const fileKey = `key-from-the-file-${canary}-0123`
  const secondKey = `second-key-from-the-file-${canary}`
  for (const key of [fileKey, secondKey]) secrets.add(key)

  async function newFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'stemgate-keys-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    return folder
  }

  async function start(lines: string, environment: Record<string, string> = {}) {
    const file = join(await newFolder(), 'keys')
    await writeFile(file, lines)
    const gateway = await startGuarded({ ...environment, API_KEYS_FILE: file })
    const isGood = async (key: string) => (await callerOf(gateway, key).send('{ __typename }')).status === 200
    const complaints = () => gateway.logged.filter((line) => line.includes('"error"'))
    return { file, gateway, isGood, complaints }
  }

  /** Replaces the file atomically, so that the next poll uses it. */
  async function put(file: string, lines: string): Promise<void> {
    await writeFile(`${file}.new`, lines)
    await rename(`${file}.new`, file)
  }

  test('ends the access of a removed key within 1 second, and sends it nothing more', async () => {
    const provider = await startPlayedProvider()
    const lines = `# ours\n\nweb:${fileKey}\r\nweb:${secondKey}\nmobile:${mobileKey}\n`
    const { file, gateway, isGood } = await start(lines, provider.environment)
    const { url } = gateway
    const taskId = await callerOf(gateway, fileKey).order()
    const { body } = await provider.order(0)
    const socketOf = async (key: string, id: string) => {
      const socket = openSocket(url, { authorization: `Bearer ${key}` })
      await socket.reachability(1)
      socket.subscribe('watch', watch(id))
      await socket.reachability(2)
      return socket
    }
    const streamOf = async (key: string, accept: string | undefined) => {
      const headers = { authorization: `Bearer ${key}`, ...(accept === undefined ? {} : { accept }) }
      const stream = await openStream(url, watch(taskId), headers)
      await stream.reachability('PENDING')
      return stream
    }
    const mobileTask = await callerOf(gateway, mobileKey).order({ audioId: 'another' })
    const [out, stays, others] = [
      await socketOf(fileKey, taskId),
      await socketOf(secondKey, taskId),
      await socketOf(mobileKey, mobileTask),
    ]
    const idle = openSocket(url, undefined, { authorization: `Bearer ${fileKey}` })
    await idle.reachability(1)
    // All ways to get a stream.
    const cut = [
      await streamOf(fileKey, 'text/event-stream'),
      await streamOf(fileKey, '*/*'),
      await streamOf(fileKey, 'Text/*'),
      await streamOf(fileKey, undefined),
    ]
    const staying = await streamOf(secondKey, 'text/event-stream')

    await put(file, `web:${secondKey}\nmobile:${mobileKey}\n`)
    const ends = [out.closed, idle.closed, ...cut.map(({ ended }) => ended)]
    expect(await soon(Promise.all(ends))).toEqual([4403, 4403, 'cut', 'cut', 'cut', 'cut'])
    expect(await isGood(fileKey)).toBe(false)

    provider.answerRead(recordOfSuccess('provider-task-1'))
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
    await stays.reachability(4)
    expect(stays.messages).toMatchObject([
      { type: 'connection_ack' },
      { payload: { data: { separationUpdated: { status: 'PENDING' } } } },
      { payload: { data: { separationUpdated: { status: 'SUCCESS' } } } },
      { type: 'complete' },
    ])
    expect(await staying.ended).toBe('ended')
    expect(staying.text()).toContain('SUCCESS')
    expect(out.messages).toHaveLength(2)
    for (const stream of cut) expect(stream.text()).not.toMatch(/SUCCESS|complete/)
    expect(others.ws.readyState).toBe(WebSocket.OPEN)
    others.subscribe('still', '{ __typename }')
    await others.reachability(3)
    await expect.poll(() => gateway.app.subscriptions()).toBe(1)
  })

  test('prevents orders of a removed key, even if its client ignores the close frame', async () => {
    const { file, gateway } = await start(`web:${fileKey}\n`, slowSandbox)
    const line = await openLine(gateway.url)
    line.send({ type: 'connection_init', payload: { authorization: `Bearer ${fileKey}` } })
    await line.waitFor('connection_ack')
    await put(file, `mobile:${mobileKey}\n`)
    await soon(line.waitFor('credential is no longer valid'))
    const query = 'mutation { separate(input: { musicTaskId: "music", audioId: "done" }) { __typename } }'
    line.send({ id: '1', type: 'subscribe', payload: { query } })
    await line.closed
    expect(line.text()).not.toContain('SeparateSuccess')
    expect(JSON.parse((await ask(gateway.url, '/sandbox/ledger')).text)).toMatchObject({ total: 0 })
  })

  test('refuses a request whose key is removed while it is being sent', async () => {
    const { file, gateway, isGood } = await start(`web:${fileKey}\nmobile:${mobileKey}\n`, slowSandbox)
    const body = JSON.stringify({
      query: 'mutation { separate(input: { musicTaskId: "m", audioId: "done" }) { __typename } }',
    })
    const request = httpRequest(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { ...json, authorization: `Bearer ${fileKey}`, 'content-length': body.length },
    })
    onTestFinished(() => void request.destroy())
    request.write(body.slice(0, 10))
    expect(await isGood(fileKey)).toBe(true)
    await put(file, `mobile:${mobileKey}\n`)
    await expect.poll(() => isGood(fileKey), { timeout: 5_000 }).toBe(false)
    request.end(body.slice(10))
    const [response] = await once(request, 'response')
    expect(response.statusCode).toBe(401)
    response.resume()
    expect(JSON.parse((await ask(gateway.url, '/sandbox/ledger')).text)).toMatchObject({ total: 0 })
  })

  test('gives a key under a new name to the new caller', async () => {
    const { file, gateway, isGood } = await start(`web:${fileKey}\n`, slowSandbox)
    const caller = callerOf(gateway, fileKey)
    const taskId = await caller.order({ audioId: 'done' })
    const socket = openSocket(gateway.url, { authorization: caller.authorization })
    await socket.reachability(1)
    await put(file, `mobile:${fileKey}\nweb:${secondKey}\n`)
    expect(await soon(socket.closed)).toBe(4403)
    const query = `{ separation(taskId: "${taskId}") { id } }`
    expect((await caller.result(query)).data).toEqual({ separation: null })
    expect(await isGood(secondKey)).toBe(true)
    expect((await callerOf(gateway, secondKey).result(query)).data).toEqual({ separation: { id: taskId } })
  })

  test('does not affect the keys of API_KEYS', async () => {
    const { file, isGood } = await start('# nobody yet\n', twoCallers)
    expect([await isGood(webKey), await isGood(fileKey)]).toEqual([true, false])
    await put(file, `late:${fileKey}\n`)
    await expect.poll(() => isGood(fileKey), { timeout: 5_000 }).toBe(true)
    expect(await isGood(webKey)).toBe(true)
  })

  test('keeps its previous keys while it is missing or invalid, and logs that once', async () => {
    const spoils: readonly ((file: string) => Promise<unknown>)[] = [
      (file) => rm(file),
      (file) => rm(file).then(() => mkdir(file)),
      (file) => put(file, `web:${fileKey}\n${secondKey}\n`),
      (file) => put(file, `mobile:${secondKey}\nweb:secret-short\n`),
      (file) => put(file, `a:${secondKey}\nb:${secondKey}\n`),
      // Writing in place empties the file first.
      (file) => writeFile(file, ''),
      (file) => put(file, '\n \n'),
      (file) => put(file, `mobile:${secondKey}`),
      (file) => put(file, `mobile:${secondKey}\nweb:${fileKey.slice(0, 20)}`),
      (file) => put(file, `mobile:${secondKey}\n# half a comm`),
      // A key of API_KEYS under another name.
      (file) => put(file, `mobile:${secondKey}\nweb:${mobileKey}\n`),
      // A webhook that nothing is sent to.
      (file) => put(file, `mobile:${secondKey} webhook=http://app.example/${canary}\n`),
    ]
    const live = async (spoil: (typeof spoils)[number]) => {
      const { file, gateway, isGood, complaints } = await start(`web:${fileKey}\n`, twoCallers)
      const socket = openSocket(gateway.url, { authorization: `Bearer ${fileKey}` })
      await socket.reachability(1)
      await spoil(file)
      await expect.poll(complaints, { timeout: 5_000 }).toHaveLength(1)
      expect(complaints()[0]).toContain('API_KEYS_FILE')
      expect(complaints()[0]).not.toContain('secret-short')
      expect(await isGood(mobileKey)).toBe(true)
      expect([await isGood(fileKey), await isGood(secondKey)]).toEqual([true, false])

      // Further polls log nothing.
      await sleep(1_000)
      await rm(file, { recursive: true, force: true })
      await put(file, `web:${fileKey}\nmobile:${secondKey}\n`)
      await expect.poll(() => isGood(secondKey), { timeout: 5_000 }).toBe(true)
      expect(complaints()).toHaveLength(1)
      expect(socket.ws.readyState).toBe(WebSocket.OPEN)
    }
    await Promise.all(spoils.map(live))
  })

  test('has each different mistake logged once, and when it is usable again', async () => {
    const { file, gateway } = await start(`web:${fileKey}\n`)
    const lines = () =>
      gateway.logged.flatMap((line) => {
        const { event, mistake } = JSON.parse(line)
        return String(event).startsWith('keys.') ? [mistake ?? event] : []
      })
    const isUsable = async () => (await readMetrics(gateway.url)).value('stemgate_keys_file_usable')
    expect(await isUsable()).toBe(1)
    const contents: readonly (readonly [string, string])[] = [
      [`web:${fileKey} orders=x\n`, 'entry 1 (web): orders'],
      [`web:${fileKey} types=vocal\n`, 'entry 1 (web): types'],
      ['nocolon\n', 'entry 1 must be name:key'],
      ['', 'it is empty'],
      [`web:${fileKey}`, 'it does not end with a newline'],
      [`web:${fileKey} orders=x\n`, 'entry 1 (web): orders'],
      [`web:${fileKey}\n`, 'keys.usable'],
      [`web:${fileKey} orders=x\n`, 'entry 1 (web): orders'],
    ]
    for (const [index, [content, line]] of contents.entries()) {
      await put(file, content)
      await expect.poll(lines, { timeout: 5_000 }).toHaveLength(index + 1)
      expect(lines().at(-1)).toContain(line)
      expect(await isUsable()).toBe(line === 'keys.usable' ? 1 : 0)
    }
    await put(file, `mobile:${secondKey}\n`)
    await expect
      .poll(() => lines().slice(contents.length), { timeout: 5_000 })
      .toEqual(['keys.usable', 'keys.reloaded'])
    expect(await isUsable()).toBe(1)
    expect(gateway.logged.filter((line) => line.includes('"stack"'))).toEqual([])
  })

  test('with only a comment allows no keys', async () => {
    const { file, isGood } = await start(`web:${fileKey}\n`)
    await put(file, '# nobody\n')
    await expect.poll(() => isGood(fileKey), { timeout: 5_000 }).toBe(false)
  })

  test('may contain a key of API_KEYS under the same name, which stays valid after its removal', async () => {
    const { file, gateway, isGood, complaints } = await start(`mobile:${mobileKey}\nweb:${fileKey}\n`, twoCallers)
    const socket = openSocket(gateway.url, { authorization: `Bearer ${mobileKey}` })
    await socket.reachability(1)
    await put(file, `web:${secondKey}\n`)
    await expect.poll(() => isGood(secondKey), { timeout: 5_000 }).toBe(true)
    expect(await isGood(mobileKey)).toBe(true)
    expect(socket.ws.readyState).toBe(WebSocket.OPEN)
    expect(complaints()).toEqual([])
  })

  test('is not used while it is half written', async () => {
    const { file, gateway, isGood } = await start(`web:${fileKey}\n`)
    const socket = openSocket(gateway.url, { authorization: `Bearer ${fileKey}` })
    await socket.reachability(1)
    // A named pipe shows when it is read: so the test knows that the gateway read the file while it was empty.
    execFileSync('mkfifo', [`${file}.pipe`])
    await rename(`${file}.pipe`, file)
    const pipe = await open(file, constants.O_WRONLY)
    await put(file, `web:${fileKey}\nmobile:${secondKey}\n`)
    await pipe.close()
    await expect.poll(() => isGood(secondKey), { timeout: 5_000 }).toBe(true)
    expect(socket.ws.readyState).toBe(WebSocket.OPEN)
    expect(socket.messages).toHaveLength(1)
  })

  test('is reloaded when it is written in place, replaced or recreated', async () => {
    const traits: readonly ((file: string, lines: string) => Promise<void>)[] = [
      (file, lines) => writeFile(file, lines),
      put,
      (file, lines) => rm(file).then(() => writeFile(file, lines)),
    ]
    const live = async (change: (typeof traits)[number]) => {
      const { file, isGood } = await start(`web:${fileKey}\n`)
      await change(file, `web:${secondKey}\n`)
      await expect.poll(() => isGood(secondKey), { timeout: 5_000 }).toBe(true)
      expect(await isGood(fileKey)).toBe(false)
      // The same length, and perhaps the same second.
      const third = `${secondKey.slice(0, -1)}!`
      await change(file, `web:${third}\n`)
      await expect.poll(() => isGood(third), { timeout: 5_000 }).toBe(true)
    }
    await Promise.all(traits.map(live))
  })

  test('is reloaded when its folder is replaced, as Kubernetes does it', async () => {
    const folder = await newFolder()
    const version = async (name: string, lines: string) => {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'keys'), lines)
      await symlink(name, join(folder, '..data_tmp'))
      await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    await version('..2026_1', `web:${fileKey}\n`)
    await symlink(join('..data', 'keys'), join(folder, 'keys'))
    const gateway = await startGuarded({ API_KEYS_FILE: join(folder, 'keys') })
    const socket = openSocket(gateway.url, { authorization: `Bearer ${fileKey}` })
    await socket.reachability(1)
    await version('..2026_2', `web:${secondKey}\n`)
    await rm(join(folder, '..2026_1'), { recursive: true })
    expect(await soon(socket.closed)).toBe(4403)
    expect((await callerOf(gateway, secondKey).send('{ __typename }')).status).toBe(200)
  })

  test('prevents the start if it is missing or invalid', async () => {
    const wrong = `web:${'x'.repeat(20)}\n${'y'.repeat(20)}\n`
    const live = async (lines: string | null, says: RegExp, environment: Record<string, string> = {}) => {
      const file = join(await newFolder(), 'keys')
      if (lines !== null) await writeFile(file, lines)
      const program = startProgram({
        SANDBOX: 'true',
        DATABASE_URL: await newDatabaseUrl(),
        API_KEYS_FILE: file,
        ...environment,
      })
      expect(await program.exit).toBe(1)
      expect(program.stderr()).toMatch(says)
      expect(program.stderr()).not.toMatch(/xxxx|yyyy|database/)
    }
    await Promise.all([
      live(null, /API_KEYS_FILE names a file that does not exist/),
      live(wrong, /API_KEYS_FILE.*entry 2 must be name:key/),
      live('', /API_KEYS_FILE.*is empty/),
      live(`web:${'x'.repeat(20)}`, /API_KEYS_FILE.*does not end with a newline/),
      live(`web:${'x'.repeat(20)}\n`, /API_KEYS_FILE.*mobile and web have the same key/, {
        API_KEYS: `mobile:${'x'.repeat(20)}`,
      }),
    ])
  })
})

/** A socket whose client ignores messages and close frames. */
async function openLine(url: string) {
  const request = httpRequest(`${url}/graphql`, {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': btoa('0123456789abcdef'),
      'sec-websocket-protocol': 'graphql-transport-ws',
    },
  })
  request.end()
  const [, line]: [unknown, Duplex] = (await once(request, 'upgrade')) as [unknown, Duplex]
  onTestFinished(() => void line.destroy())
  let text = ''
  line.on('data', (data: Buffer) => (text += data.toString('latin1')))
  line.on('error', () => {})
  const closed = once(line, 'close')
  return {
    closed,
    text: () => text,
    async waitFor(what: string) {
      while (!text.includes(what)) await once(line, 'data')
    },
    /** A text frame. Its mask of zeros leaves the text unchanged. */
    send(message: object) {
      const payload = Buffer.from(JSON.stringify(message))
      const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0])
      line.write(Buffer.concat([head, payload]))
    },
  }
}

describe('with configured callers', () => {
  const elsewhere = { host: 'stems.example', 'x-forwarded-for': '203.0.113.7' }

  test('the metrics are available on the gateway’s machine only, and not with an API key', async () => {
    const { url } = await startGuarded(twoCallers)
    expect(await ask(url, '/metrics')).toMatchObject({ status: 200, text: expect.stringContaining('# HELP') })
    for (const key of [webKey, wrongKey]) {
      const headers = { ...elsewhere, authorization: `Bearer ${key}` }
      expect(await ask(url, '/metrics', { headers })).toMatchObject({ status: 403 })
    }
  })

  test('the health routes are available to everyone', async () => {
    const { url } = await startGuarded(twoCallers)
    for (const headers of [{}, elsewhere]) {
      expect(await ask(url, '/health/live', { headers })).toMatchObject({ status: 200, text: '{"status":"live"}' })
      expect(await ask(url, '/health/ready', { headers })).toMatchObject({ status: 200, text: '{"status":"ready"}' })
    }
  })

  test('the sandbox is available on this machine only, its files and the callbacks to everyone', async () => {
    const gateway = await startGuarded(twoCallers)
    const { url } = gateway
    for (const path of ['/sandbox/ledger', '/sandbox/tracks']) {
      for (const headers of [elsewhere, { ...elsewhere, authorization: `Bearer ${webKey}` }]) {
        expect(await ask(url, path, { headers })).toMatchObject({ status: 403 })
      }
    }
    expect(await ask(url, '/sandbox/ledger')).toMatchObject({ status: 200 })
    const taskId = await callerOf(gateway, webKey).order({ audioId: 'done' })
    const query = `subscription { separationUpdated(taskId: "${taskId}") { stems { ... on StemSet { all { url } } } } }`
    const report = await transports.WebSocket(url, { query }, `Bearer ${webKey}`)
    const [, file = ''] = /"url":"http:\/\/[^/]+([^"]+)"/.exec(JSON.stringify(report)) ?? []
    expect(await ask(url, file, { method: 'HEAD', headers: elsewhere })).toMatchObject({ status: 200 })
    const callback = { method: 'POST', headers: { ...json, ...elsewhere }, body: '{}' }
    expect(await ask(url, '/callbacks/kie/x/y', callback)).toMatchObject({ status: 404 })
  })

  test('a page of a listed origin may send its credential and can read why it was refused', async () => {
    const origin = 'https://app.example.com'
    const { url } = await startGuarded({ ...twoCallers, CORS_ORIGINS: origin })
    const preflight = await ask(url, '/graphql', {
      method: 'OPTIONS',
      headers: {
        origin,
        ...elsewhere,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })
    expect(preflight).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-headers': 'authorization,content-type',
      },
    })
    const asking = { method: 'POST', body: JSON.stringify(operation) }
    for (const [authorization, status] of [
      [`Bearer ${webKey}`, 200],
      [`Bearer ${wrongKey}`, 401],
    ] as const) {
      const answer = await ask(url, '/graphql', {
        ...asking,
        headers: { ...json, ...elsewhere, origin, authorization },
      })
      expect(answer).toMatchObject({ status, headers: { 'access-control-allow-origin': origin, vary: 'Origin' } })
      expect(answer.headers).not.toHaveProperty('access-control-allow-credentials')
    }
    expect(preflight.headers).not.toHaveProperty('access-control-allow-credentials')
    const foreign = { ...json, origin: 'https://evil.example', authorization: `Bearer ${webKey}` }
    expect((await ask(url, '/graphql', { ...asking, headers: foreign })).headers).not.toHaveProperty(
      'access-control-allow-origin',
    )
    // A valid key does not allow a page of another origin.
    const opening = openSocket(url, { authorization: `Bearer ${webKey}` }, { origin: 'https://evil.example' })
    await expect(opening.closed).rejects.toThrow('403')
  })
})
