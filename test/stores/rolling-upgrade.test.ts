import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { columnsOf, parseStoredTask } from '../../src/stores/task/stored-task.ts'
import { currentVersion } from '../../src/stores/task/task-document.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { changeRows, openStoreOf, rowsOf } from '../support/database.ts'
import { order, startGateway, storedTask, untilSettled, type TestGateway } from '../support/gateway.ts'
import { recordOfSuccess, sendBody, startPlayedProvider } from '../support/played-provider.ts'

const folder = new URL('../fixtures/stored-tasks/', import.meta.url)

async function fixtureOf(version: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return JSON.parse(await readFile(new URL(`version-${version}.json`, folder), 'utf8'))
}

/** Inserts a row as another version of the gateway wrote it. */
async function putRow(gateway: TestGateway, task: Task, document: unknown): Promise<void> {
  const { task: _, ...columns } = columnsOf(task)
  const row = { ...columns, task: JSON.stringify(document) }
  const names = Object.keys(row)
  await changeRows(
    gateway,
    `insert into tasks (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`,
    Object.values(row),
  )
}

async function documentIn(gateway: TestGateway, taskId: string): Promise<Readonly<Record<string, unknown>>> {
  const [row] = await rowsOf(gateway, `select task from tasks where id = '${taskId}'`)
  return JSON.parse(String(row?.['task']))
}

const read = `query ($taskId: ID!) { separation(taskId: $taskId) {
  id status charge revision failure { code message } stems { ... on StemSet { all { part label url } } } } }`

describe('a stored task', () => {
  test('has a fixture for every format version up to the current one', async () => {
    const versions = Array.from({ length: currentVersion }, (_, index) => `version-${index + 1}.json`)
    expect((await readdir(folder)).toSorted()).toEqual(versions)
  })

  test.each(Array.from({ length: currentVersion }, (_, index) => index + 1))(
    'of format version %i is served by the gateway',
    async (version) => {
      const gateway = await startGateway()
      for (const document of await fixtureOf(version)) {
        const task = parseStoredTask(JSON.stringify(document))
        await putRow(gateway, task, document)
        const { data, errors } = await gateway.ask(read, { taskId: task.id })
        expect(errors).toBeUndefined()
        expect(data?.['separation']).toMatchObject({ id: task.id, charge: task.charge, revision: task.revision })
      }
    },
  )

  test('of an old format version equals the same task of the current one', async () => {
    const [first, current] = [await fixtureOf(1), await fixtureOf(currentVersion)]
    expect(first.map((document) => parseStoredTask(JSON.stringify(document)))).toEqual(
      current.map((document) => parseStoredTask(JSON.stringify(document))),
    )
  })

  test('is written exactly as in the fixture of the current format version', async () => {
    for (const document of await fixtureOf(currentVersion)) {
      expect(JSON.parse(columnsOf(parseStoredTask(JSON.stringify(document))).task)).toEqual(document)
    }
  })

  test('of an old format version is upgraded with its next change', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1' })
    const [, pending] = await fixtureOf(1)
    const task = parseStoredTask(JSON.stringify({ ...pending, createdAtMs: Date.now() }))
    await putRow(gateway, task, { ...pending, createdAtMs: task.createdAtMs })
    provider.answerRead(recordOfSuccess(task.providerTaskId ?? ''))
    await changeRows(gateway, 'update tasks set due_at = 0 where id = ?', [task.id])
    await untilSettled(gateway, task.id)
    expect(await documentIn(gateway, task.id)).toMatchObject({ version: currentVersion, state: 'succeeded' })
  })
})

describe('a stored task of a newer format version', () => {
  test('is served as far as this version knows it, and keeps its unknown fields when it changes', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1' })
    const store = await openStoreOf(gateway)
    const taskId = await order(gateway)
    const stem = (part: string, more: object = {}) => ({
      part,
      label: null,
      url: { value: `https://files.example/${part}.mp3`, by: 'callback', atMs: 1, checksum: 'abc' },
      durationSeconds: null,
      originId: null,
      loudness: -14,
      ...more,
    })
    const completedAtMs = { value: Date.now(), by: 'callback', isReported: false, clock: 'provider' }
    const result = { stems: [stem('vocal'), stem('theremin')], completedAtMs, foundAtMs: Date.now() }
    const { partial: _, incompleteSinceMs: _since, ...before } = await documentIn(gateway, taskId)
    const later: Record<string, unknown> = {
      ...before,
      ...result,
      state: 'succeeded',
      version: 99,
      webhookUrl: 'https://hook.example',
      budget: { desynchronised: 2 },
    }
    await changeRows(gateway, 'update tasks set task = ?, status = ?, due_at = null where id = ?', [
      JSON.stringify(later),
      'SUCCESS',
      taskId,
    ])
    const { data } = await gateway.ask(read, { taskId })
    expect(data?.['separation']).toMatchObject({
      stems: { all: [{ part: 'VOCAL' }, { part: 'OTHER', label: 'theremin' }] },
    })

    provider.answerRead(recordOfSuccess('provider-task-1'))
    await changeRows(gateway, 'update tasks set due_at = 0 where id = ?', [taskId])
    await expect
      .poll(async () => (await storedTask(store, taskId)).revision, { timeout: 10_000 })
      .toBeGreaterThan(Number(later['revision']))
    expect(await documentIn(gateway, taskId)).toMatchObject({
      version: 99,
      webhookUrl: 'https://hook.example',
      budget: { desynchronised: 2 },
      completedAtMs: { by: 'record-info', clock: 'provider' },
      stems: [
        // record-info replaces the URL; the other fields of the stem stay.
        { part: 'vocal', loudness: -14, url: { value: 'https://files.example/vocal.mp3', by: 'record-info' } },
        { part: 'instrumental' },
        { part: 'theremin', label: null, loudness: -14, url: { checksum: 'abc' } },
      ],
    })
  })

  test('is UNAVAILABLE and missing from lists if this version cannot read it', async () => {
    const gateway = await startGateway()
    const [known, unknown] = [await order(gateway, { audioId: 'done-1' }), await order(gateway, { audioId: 'done-2' })]
    await untilSettled(gateway, unknown)
    const document = { ...(await documentIn(gateway, unknown)), version: 99, state: 'cancelled' }
    await changeRows(gateway, 'update tasks set task = ? where id = ?', [JSON.stringify(document), unknown])
    const { errors } = await gateway.ask(read, { taskId: unknown })
    expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
    const { data } = await gateway.ask('{ separations { edges { node { id } } } }')
    expect(data).toEqual({ separations: { edges: [{ node: { id: known } }] } })
  })

  test('does not affect other tasks in the same request or their checks', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({
      ...provider.environment,
      CHECK_INTERVAL_SECONDS: '0.2',
      READS_PER_SECOND: '1000',
    })
    const [known, unknown] = [await order(gateway, { audioId: 'one' }), await order(gateway, { audioId: 'two' })]
    const document = { ...(await documentIn(gateway, unknown)), version: 99, state: 'cancelled' }
    await changeRows(gateway, 'update tasks set task = ? where id = ?', [JSON.stringify(document), unknown])
    await changeRows(gateway, 'update tasks set due_at = 0 where owner = ?', ['anonymous'])
    const both = `{ good: separation(taskId: "${known}") { id } bad: separation(taskId: "${unknown}") { id } }`
    const { data, errors } = await gateway.ask(both)
    expect(data).toEqual({ good: { id: known }, bad: null })
    expect(errors).toMatchObject([{ path: ['bad'], extensions: { code: 'UNAVAILABLE' } }])
    provider.answerRead((response) => sendBody(response, recordOfSuccess(provider.reads.at(-1) ?? '')))
    expect(await untilSettled(gateway, known)).toMatchObject({ status: 'SUCCESS' })
  })
})
