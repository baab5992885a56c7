import { readFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { buildSchema, parse, print, validate } from 'graphql'
import { expect, test } from 'vitest'
import { ReadDocument } from '../../schema/operations.ts'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { partsOfType } from '../../src/separation/task/separation-type.ts'
import { failedTask, pendingTask, stem, succeededTask } from '../support/tasks.ts'
import { post, transports } from '../support/transports.ts'
import { validOperations } from '../support/valid-documents.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

/** Yoga answers an operation with `extensions`. */
const forYoga = { extensions: {} }
const json = 'application/json'
const modern = 'application/graphql-response+json'
const read = print(ReadDocument)

/** Everything that a client sees of an answer, except the date and the ids of the request. */
async function answerTo(gateway: WiredGateway, operation: object, accept = json, authorization?: string) {
  const init = authorization === undefined ? {} : { headers: { authorization } }
  const response = await post(gateway.url, operation, accept, init)
  const headers = [...response.headers].filter(([name]) => !['date', 'x-request-id', 'traceparent'].includes(name))
  return { status: response.status, headers, body: await response.text() }
}

/** Makes the document and the media type known, so that the next request takes the short way. */
async function teach(gateway: WiredGateway, operation: object, accept = json, authorization?: string) {
  expect((await answerTo(gateway, { ...operation, ...forYoga }, accept, authorization)).status).toBe(200)
}

async function putTasks(gateway: WiredGateway): Promise<readonly string[]> {
  const stems = partsOfType.split_stem.map((part) => stem(part, { label: `The ${part} 🎵`, durationSeconds: 180.25 }))
  const tasks = [
    pendingTask(),
    failedTask(),
    succeededTask(),
    succeededTask({ type: 'split_stem', stems: [...stems, stem('other', { label: 'Crowd' })] }),
  ]
  for (const task of tasks) await gateway.put(task)
  return tasks.map(({ id }) => id)
}

/** In milliseconds. 10 s alone on two cores, several times that among all tests. */
const manyDocumentsTimeoutMs = 120_000

test(
  'an answer is the same byte for byte, whichever way it takes and whether it was kept',
  async () => {
    const gateway = await startWiredGateway()
    const ids = [...(await putTasks(gateway)), newTaskId(), 'provider-id']
    const schema = buildSchema(await readFile('schema/schema.graphql', 'utf8'))
    const operations = validOperations(schema, ids).filter(({ query }) => validate(schema, parse(query)).length === 0)
    await teach(gateway, { query: '{ __typename }' })
    await fc.assert(
      fc.asyncProperty(operations, async (operation) => {
        const long = await answerTo(gateway, { ...operation, ...forYoga })
        const before = gateway.shortAnswers()
        expect(await answerTo(gateway, operation)).toEqual(long)
        expect(await answerTo(gateway, operation)).toEqual(long)
        const { errors }: { errors?: unknown } = JSON.parse(long.body)
        if (errors === undefined) expect(gateway.shortAnswers() - before).toBe(2)
      }),
      { numRuns: 1_000, endOnFailure: true },
    )
  },
  manyDocumentsTimeoutMs,
)

test.each([json, modern, '*/*', `${modern}, ${json};q=0.9`])(
  'the media type is that of the long way: %s',
  async (accept) => {
    const gateway = await startWiredGateway()
    const operation = { query: '{ __typename }' }
    const long = await answerTo(gateway, { ...operation, ...forYoga }, accept)
    expect(await answerTo(gateway, operation, accept)).toEqual(long)
    expect(gateway.shortAnswers()).toBe(1)
  },
)

test.each([json, modern])('an error has the same status and text on the short way: %s', async (accept) => {
  let isDown = false
  const gateway = await startWiredGateway({
    wrap: (store) => ({
      ...store,
      async find(ids) {
        if (isDown) throw new StoreUnavailableError('The database is unavailable.')
        return store.find(ids)
      },
    }),
  })
  const [taskId] = await putTasks(gateway)
  const unknownTask = { query: read, variables: { taskId: newTaskId() } }
  const operation = { query: read, variables: { taskId } }
  await teach(gateway, unknownTask, accept)
  isDown = true
  const short = await answerTo(gateway, operation, accept)
  expect(short.body).toContain('UNAVAILABLE')
  expect(short).toEqual(await answerTo(gateway, { ...operation, ...forYoga }, accept))

  const unfit = { query: read, variables: { taskId: { not: 'an id' } } }
  const refused = await answerTo(gateway, unfit, accept)
  expect(refused.body).toContain('BAD_USER_INPUT')
  expect(refused).toEqual(await answerTo(gateway, { ...unfit, ...forYoga }, accept))
})

test.each([
  ['a body that is not an object', [{ query: '{ __typename }' }]],
  ['an unknown parameter', { query: '{ __typename }', extra: 1 }],
  ['variables that are a list', { query: '{ __typename }', variables: [] }],
  ['a name that the document does not have', { query: '{ __typename }', operationName: 'Other' }],
  ['no query', { variables: {} }],
])('a request with %s is refused as before its document was known', async (_name, operation) => {
  const gateway = await startWiredGateway()
  const fresh = await answerTo(gateway, operation)
  await teach(gateway, { query: '{ __typename }' })
  expect(await answerTo(gateway, operation)).toEqual(fresh)
  expect(gateway.shortAnswers()).toBe(0)
})

test('the answer of one caller is never given to another one', async () => {
  const apiKeys = ['one', 'two'].map((name) => ({ name, key: `a-key-of-caller-${name}` }))
  const gateway = await startWiredGateway({ apiKeys })
  const task = succeededTask({ owner: 'key:one' })
  await gateway.put(task)
  const operation = { query: read, variables: { taskId: task.id } }
  const [own, other] = apiKeys.map(({ key }) => `Bearer ${key}`)
  await teach(gateway, operation, json, own)
  for (let i = 0; i < 2; i++) {
    expect((await answerTo(gateway, operation, json, own)).body).toContain(task.id)
    expect((await answerTo(gateway, operation, json, other)).body).toBe('{"data":{"separation":null}}')
  }
})

test('a task that was unknown is found as soon as it is stored', async () => {
  const gateway = await startWiredGateway()
  const task = succeededTask()
  const operation = { query: read, variables: { taskId: task.id } }
  await teach(gateway, operation)
  expect((await answerTo(gateway, operation)).body).toBe('{"data":{"separation":null}}')
  await gateway.put(task)
  expect((await answerTo(gateway, operation)).body).toContain(task.id)
})

test('a document with a syntax error gets 400 over HTTP, also if a WebSocket has sent it first', async () => {
  const gateway = await startWiredGateway()
  const operation = { query: '{ separation(' }
  await transports.WebSocket(gateway.url, operation).catch(() => {})
  const answer = await answerTo(gateway, operation, modern)
  expect(answer).toMatchObject({ status: 400, body: expect.stringContaining('GRAPHQL_PARSE_FAILED') })
})
