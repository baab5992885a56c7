import { DatabaseSync } from '@photostructure/sqlite'
import { createClient } from 'graphql-ws'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { order, startGateway, type TestGateway, untilSettled } from '../support/gateway.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'
import {
  forEverything,
  forQueries,
  forSubscriptions,
  get,
  post,
  transports,
  webSocketUrl,
  type Operation,
} from '../support/transports.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

const orderTrack = /* GraphQL */ `
  mutation Order($input: SeparateInput!) {
    separate(input: $input) {
      __typename
      ... on SeparateSuccess {
        reused
        task {
          id
          status
        }
      }
      ... on InvalidInputError {
        issues {
          path
        }
      }
    }
  }
`
const readTask = 'query ($taskId: ID!) { separation(taskId: $taskId) { id status } }'
const watchTask = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { id status } }'

/** A sandbox whose tasks stay pending during a test. */
const slowSandbox = { SANDBOX_DELAY_MS: '60000' }

/** Breaks the store's file as an operator might. */
function meddle({ environment }: TestGateway, sql: string): void {
  const database = new DatabaseSync((environment['DATABASE_URL'] ?? '').replace('file:', ''))
  database.exec(sql)
  database.close()
}

describe.each(forQueries)('over %s', (name) => {
  const send = transports[name]

  test('a query is answered', async () => {
    const gateway = await startGateway(slowSandbox)
    const taskId = await order(gateway, { audioId: 'done' })
    expect(await send(gateway.url, { query: readTask, variables: { taskId } })).toEqual([
      { data: { separation: { id: taskId, status: 'PENDING' } } },
    ])
  })

  test('the operation in `operationName` is executed', async () => {
    const gateway = await startGateway(slowSandbox)
    const query = 'query A { a: __typename } query B { b: __typename }'
    expect(await send(gateway.url, { query, operationName: 'B' })).toEqual([{ data: { b: 'Query' } }])
    expect(await send(gateway.url, { query, operationName: 'C' })).toEqual([
      {
        errors: [
          {
            message: 'Could not determine what operation to execute.',
            extensions: { code: 'OPERATION_RESOLUTION_FAILURE' },
          },
        ],
      },
    ])
  })

  test('fields are in the order of the query even if they resolve late', async () => {
    const gateway = await startGateway(slowSandbox)
    const taskId = await order(gateway, { audioId: 'done' })
    const query = `{ separation(taskId: "${taskId}") { id status settled } __typename node(id: "x") { id } }`
    const [result] = await send(gateway.url, { query })
    expect(JSON.stringify(result?.data)).toBe(
      `{"separation":{"id":"${taskId}","status":"PENDING","settled":false},"__typename":"Query","node":null}`,
    )
  })

  test('a syntax error is reported with its location', async () => {
    const gateway = await startGateway(slowSandbox)
    const asked = () => send(gateway.url, { query: '{ separation(' })
    const expected = [
      {
        errors: [
          {
            message: 'Syntax Error: Expected Name, found <EOF>.',
            locations: [{ line: 1, column: 14 }],
            extensions: { code: 'GRAPHQL_PARSE_FAILED' },
          },
        ],
      },
    ]
    expect(await asked()).toEqual(expected)
    // The second answer comes from the cache.
    expect(await asked()).toEqual(expected)
  })

  test('an unknown field is reported with its location', async () => {
    const gateway = await startGateway(slowSandbox)
    expect(await send(gateway.url, { query: '{ separation(taskId: "x") { stemz } }' })).toEqual([
      {
        errors: [
          {
            message: 'Cannot query field "stemz" on type "SeparationTask". Did you mean "stems"?',
            locations: [{ line: 1, column: 29 }],
            extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
          },
        ],
      },
    ])
  })

  test('invalid variables are an error', async () => {
    const gateway = await startGateway(slowSandbox)
    const [result, ...more] = await send(gateway.url, { query: readTask, variables: {} })
    expect(more).toEqual([])
    expect(result).not.toHaveProperty('data')
    expect(result?.errors).toEqual([
      {
        message: 'Variable "$taskId" of required type "ID!" was not provided.',
        locations: [{ line: expect.any(Number), column: expect.any(Number) }],
        extensions: { code: 'BAD_USER_INPUT' },
      },
    ])
  })

  test('a page of more than 100 tasks is refused', async () => {
    const gateway = await startGateway(slowSandbox)
    const refused = {
      data: null,
      errors: [
        {
          message: '`first` and `last` must be at most 100.',
          path: ['separations'],
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    }
    for (const query of [
      '{ separations(first: 1000000) { edges { cursor } } }',
      '{ separations(last: 101) { edges { cursor } } }',
      'query ($size: Int = 101) { separations(first: $size) { edges { cursor } } }',
    ]) {
      expect(await send(gateway.url, { query })).toMatchObject([refused])
    }
    expect(await send(gateway.url, { query: '{ separations(first: 100) { edges { cursor } } }' })).toEqual([
      { data: { separations: { edges: [] } } },
    ])
  })

  test('an internal error is logged and masked', async () => {
    const gateway = await startGateway(slowSandbox)
    const taskId = await order(gateway, { audioId: 'done' })
    meddle(gateway, `UPDATE tasks SET task = '{"hunter2":"hunter2"}'`)
    const results = await send(gateway.url, { query: readTask, variables: { taskId } })
    expect(results).toEqual([
      {
        data: { separation: null },
        errors: [
          {
            message: 'An internal error occurred. The gateway has logged it.',
            path: ['separation'],
            locations: [{ line: 1, column: 24 }],
            extensions: { code: 'INTERNAL_SERVER_ERROR' },
          },
        ],
      },
    ])
    expect(gateway.logged.filter((line) => line.includes('a GraphQL operation failed'))).toHaveLength(1)
  })

  test('an unavailable store is reported as UNAVAILABLE', async () => {
    const gateway = await startGateway(slowSandbox)
    meddle(gateway, 'ALTER TABLE tasks RENAME TO elsewhere')
    expect(await send(gateway.url, { query: readTask, variables: { taskId: newTaskId() } })).toEqual([
      {
        data: { separation: null },
        errors: [
          {
            message: 'The database is unavailable. Try again in a moment.',
            path: ['separation'],
            locations: [{ line: 1, column: 24 }],
            extensions: { code: 'UNAVAILABLE' },
          },
        ],
      },
    ])
  })
})

describe.each(forEverything)('over %s', (name) => {
  const send = transports[name]

  test('a mutation is executed, and its errors are data', async () => {
    const gateway = await startGateway(slowSandbox)
    const input = { musicTaskId: 'my-music', audioId: 'slow' }
    const [first] = await send(gateway.url, { query: orderTrack, variables: { input } })
    expect(first).toMatchObject({
      data: { separate: { __typename: 'SeparateSuccess', reused: false, task: { status: 'PENDING' } } },
    })
    const [second] = await send(gateway.url, { query: orderTrack, variables: { input } })
    expect(second).toMatchObject({ data: { separate: { reused: true } } })
    const [third] = await send(gateway.url, { query: orderTrack, variables: { input: { ...input, audioId: '' } } })
    expect(third).toEqual({
      data: { separate: { __typename: 'InvalidInputError', issues: [{ path: ['input', 'audioId'] }] } },
    })
  })

  test('an order is refused and not sent to the provider while the store is unavailable', async () => {
    const gateway = await startGateway(slowSandbox)
    meddle(gateway, 'ALTER TABLE tasks RENAME TO elsewhere')
    const input = { musicTaskId: 'my-music', audioId: 'done' }
    const [result] = await send(gateway.url, { query: orderTrack, variables: { input } })
    expect(result?.data ?? null).toBeNull()
    expect(result?.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
    const ledger = await fetch(`${gateway.url}/sandbox/ledger`)
    expect(await ledger.json()).toMatchObject({ charges: [] })
  })
})

describe.each(forSubscriptions)('over %s', (name) => {
  const send = transports[name]

  test('a subscription sends the task, then every change, and completes when the task is settled', async () => {
    const gateway = await startGateway()
    const taskId = await order(gateway, { audioId: 'done' })
    const results = await send(gateway.url, { query: watchTask, variables: { taskId } })
    expect(results.at(0)).toMatchObject({ data: { separationUpdated: { id: taskId } } })
    expect(results.at(-1)).toEqual({ data: { separationUpdated: { id: taskId, status: 'SUCCESS' } } })
    expect(gateway.app.subscriptions()).toBe(0)
  })

  test('a late subscriber is answered at once', async () => {
    const gateway = await startWiredGateway()
    const task = succeededTask()
    await gateway.put(task)
    expect(await send(gateway.url, { query: watchTask, variables: { taskId: task.id } })).toEqual([
      { data: { separationUpdated: { id: task.id, status: 'SUCCESS' } } },
    ])
  })

  test('an unknown task is null once, and the subscription completes', async () => {
    const gateway = await startGateway(slowSandbox)
    // A GET does not ask the provider for an unknown id.
    for (const taskId of [newTaskId(), ...(name === 'SSE by GET' ? [] : ['never-heard-of']), '']) {
      expect(await send(gateway.url, { query: watchTask, variables: { taskId } })).toEqual([
        { data: { separationUpdated: null } },
      ])
    }
    expect(gateway.app.subscriptions()).toBe(0)
  })

  test('a subscription to an id of a disabled provider gets the error of a query and completes', async () => {
    const gateway = await startGateway()
    const known = await order(gateway, { audioId: 'done' })
    await untilSettled(gateway, known)
    const watch = (taskId: string, provider: string) =>
      send(gateway.url, {
        query: `subscription { separationUpdated(taskId: "${taskId}", provider: ${provider}) { status } }`,
      })
    for (const taskId of ['theirs', newTaskId()]) {
      expect(await watch(taskId, 'KIE')).toMatchObject([
        {
          data: { separationUpdated: null },
          errors: [
            {
              message: 'KIE is not enabled here. Enabled: SANDBOX.',
              path: ['separationUpdated'],
              extensions: { code: 'BAD_USER_INPUT' },
            },
          ],
        },
      ])
    }
    expect(await watch(newTaskId(), 'SANDBOX')).toEqual([{ data: { separationUpdated: null } }])
    expect(await watch(known, 'APIKLEY')).toEqual([{ data: { separationUpdated: { status: 'SUCCESS' } } }])
    expect(gateway.app.subscriptions()).toBe(0)
  })

  test('an invalid subscription is refused like an invalid query', async () => {
    const gateway = await startGateway(slowSandbox)
    const query = 'subscription { separationUpdated { id } }'
    const results = await send(gateway.url, { query })
    expect(results).toMatchObject([{ errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] }])
    expect(results[0]).not.toHaveProperty('data')
  })

  test('a subscription gets UNAVAILABLE and completes if the store is unavailable at its start', async () => {
    const gateway = await startGateway(slowSandbox)
    meddle(gateway, 'ALTER TABLE tasks RENAME TO elsewhere')
    expect(await send(gateway.url, { query: watchTask, variables: { taskId: newTaskId() } })).toEqual([
      {
        data: { separationUpdated: null },
        errors: [
          {
            message: 'The database is unavailable. Try again in a moment.',
            path: ['separationUpdated'],
            locations: [{ line: 1, column: 31 }],
            extensions: { code: 'UNAVAILABLE' },
          },
        ],
      },
    ])
    expect(gateway.app.subscriptions()).toBe(0)
  })

  test('a waiting subscription gets a masked internal error and completes', async () => {
    const { gateway, task } = await startBreaking(() => {
      throw new Error('hunter2')
    })
    const results = await send(gateway.url, { query: watchTask, variables: { taskId: task.id } })
    expect(results).toEqual([
      { data: { separationUpdated: { id: task.id, status: 'PENDING' } } },
      {
        data: { separationUpdated: null },
        errors: [
          {
            message: 'An internal error occurred. The gateway has logged it.',
            path: ['separationUpdated'],
            locations: [{ line: 1, column: 31 }],
            extensions: { code: 'INTERNAL_SERVER_ERROR' },
          },
        ],
      },
    ])
    expect(gateway.subscriptions()).toBe(0)
  })

  test('a waiting subscription continues after an outage of the store', async () => {
    let failures = 0
    const { gateway, task } = await startBreaking(async ({ store }) => {
      if (failures++ < 2) throw new StoreUnavailableError('disk on fire')
      await store.replace({ ...succeeded, revision: task.revision + 1 }, task)
    })
    const succeeded = succeededTask({ id: task.id, provider: task.provider, providerTaskId: task.providerTaskId })
    const results = await send(gateway.url, { query: watchTask, variables: { taskId: task.id } })
    expect(results).toEqual([
      { data: { separationUpdated: { id: task.id, status: 'PENDING' } } },
      { data: { separationUpdated: { id: task.id, status: 'SUCCESS' } } },
    ])
    expect(failures).toBeGreaterThan(2)
    expect(gateway.subscriptions()).toBe(0)
  })
})

/** A gateway whose store calls a function before every read after the first one of a subscription. */
async function startBreaking(before: (gateway: WiredGateway) => Promise<void> | never) {
  const task = pendingTask()
  let isShown = false
  const gateway: WiredGateway = await startWiredGateway({
    wrap: (store) => ({
      ...store,
      async find(ids) {
        if (isShown) await before(gateway)
        const found = await store.find(ids)
        // From the second read on, whose result the subscription sends.
        if (found.length > 0 && gateway.subscriptions() > 0) {
          isShown = true
          setImmediate(() => gateway.publish(task.id))
        }
        return found
      },
    }),
  })
  await gateway.put(task)
  return { gateway, task }
}

test.each(['application/json', 'text/event-stream'])('a mutation by GET is refused (%s)', async (accept) => {
  const gateway = await startGateway(slowSandbox)
  const operation: Operation = {
    query: orderTrack,
    variables: { input: { musicTaskId: 'my-music', audioId: 'done' } },
  }
  const response = await get(gateway.url, operation, accept)
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')).toBe('POST')
  expect(await response.text()).toContain('Can only perform a mutation operation from a POST request.')
  const ledger = await fetch(`${gateway.url}/sandbox/ledger`)
  expect(await ledger.json()).toMatchObject({ charges: [] })
})

test('a subscription is refused if the client accepts no stream', async () => {
  const gateway = await startGateway(slowSandbox)
  const taskId = await order(gateway, { audioId: 'done' })
  const response = await post(gateway.url, { query: watchTask, variables: { taskId } }, 'application/json')
  expect(response.status).toBe(406)
  await expect.poll(() => gateway.app.subscriptions()).toBe(0)
})

test('several operations in one request are refused', async () => {
  const gateway = await startGateway(slowSandbox)
  const response = await post(
    gateway.url,
    [{ query: '{ __typename }' }, { query: '{ __typename }' }],
    'application/json',
  )
  expect(response.status).toBe(400)
  expect(await response.text()).toContain('Batching is not supported.')
})

test('an invalid document does not close the socket with its other operations', async () => {
  const gateway = await startWiredGateway()
  const task = pendingTask()
  await gateway.put(task)
  const client = createClient({ url: webSocketUrl(gateway.url), webSocketImpl: WebSocket, retryAttempts: 0 })
  onTestFinished(() => void client.dispose())
  const watching = client.iterate({ query: watchTask, variables: { taskId: task.id } })
  expect((await watching.next()).value).toMatchObject({ data: { separationUpdated: { status: 'PENDING' } } })

  for (const query of [
    '{',
    '',
    '{ nothing }',
    'subscription { nothing }',
    'query A { __typename } query B { __typename }',
  ]) {
    await expect(client.iterate({ query }).next()).rejects.toMatchObject([{ message: expect.any(String) }])
  }

  await gateway.put({ ...succeededTask(), id: task.id, providerTaskId: task.providerTaskId, revision: 2 })
  expect((await watching.next()).value).toMatchObject({ data: { separationUpdated: { status: 'SUCCESS' } } })
  expect((await watching.next()).done).toBe(true)
})

test('an HTTP method that GraphQL does not use is refused', async () => {
  const gateway = await startGateway(slowSandbox)
  for (const method of ['PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
    const response = await fetch(`${gateway.url}/graphql`, { method, ...(method === 'PUT' ? { body: '{}' } : {}) })
    expect({ method, status: response.status, allow: response.headers.get('allow') }).toEqual({
      method,
      status: 405,
      allow: 'GET, POST',
    })
  }
})

test('invalid JSON in a query parameter is an error of the client', async () => {
  const gateway = await startGateway(slowSandbox)
  for (const name of ['variables', 'extensions']) {
    for (const text of [' ', '{', 'x', '1 2', '\uFEFF{}']) {
      const parameters = new URLSearchParams({ query: '{ __typename }', [name]: text })
      const response = await fetch(`${gateway.url}/graphql?${parameters}`, { headers: { accept: 'application/json' } })
      expect({ name, text, status: response.status }).toEqual({ name, text, status: 400 })
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    }
  }
  expect(gateway.logged.filter((line) => line.includes('failed'))).toEqual([])
})
