import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { partsOfType } from '../../src/separation/task/separation-type.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { startGateway } from '../support/gateway.ts'
import { failedTask, pendingTask, stem, succeededTask } from '../support/tasks.ts'
import { post } from '../support/transports.ts'
import { startWiredGateway, type WiredGateway, type WiredOptions } from '../support/wired-gateway.ts'
import type { Log } from '../../src/runtime/log.ts'
import type { Store } from '../../src/separation/store/store.ts'

interface Answer {
  readonly data: Record<string, unknown> | null
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[]
}

async function startWith(tasks: readonly Task[], options: WiredOptions = {}) {
  const gateway = await startWiredGateway(options)
  for (const task of tasks) await gateway.put(task)
  return { ...gateway, ask: (query: string, variables: object = {}) => sendTo(gateway, query, variables) }
}

async function sendTo({ url }: WiredGateway, query: string, variables: object): Promise<Answer> {
  const response = await post(url, { query, variables }, 'application/json')
  return JSON.parse(await response.text())
}

/** Records every read of the store. */
function recordReads(reads: string[]): (store: Store) => Store {
  return (store) => ({
    ...store,
    find(ids) {
      reads.push(`find ${ids.length}`)
      return store.find(ids)
    },
    findBound(ids) {
      reads.push(`findBound ${ids.length}`)
      return store.findBound(ids)
    },
    list(owner, page) {
      reads.push('list')
      return store.list(owner, page)
    },
  })
}

const everything = /* GraphQL */ `
  query ($taskId: ID!) {
    separation(taskId: $taskId) {
      __typename
      id
      provider
      providerTaskId
      type
      status
      settled
      revision
      musicTaskId
      audioId
      musicId
      originUrl
      allStems {
        id
        part
      }
      stems {
        __typename
        ... on StemSet {
          all {
            id
            part
            label
            url
            durationSeconds
            expiresAt
          }
          missing
        }
      }
      failure {
        code
        providerCode
        message
      }
      charge
      createdAt
      completedAt
      expiresAt
    }
  }
`

describe('a task', () => {
  test('that is pending shows every known field', async () => {
    const task = pendingTask({ providerTaskId: 'provider-task-1', charge: 'MAYBE', revision: 3 })
    const { ask } = await startWith([task])
    const { data } = await ask(everything, { taskId: task.id })
    expect(data).toEqual({
      separation: {
        __typename: 'SeparationTask',
        id: task.id,
        provider: 'KIE',
        providerTaskId: 'provider-task-1',
        type: 'SEPARATE_VOCAL',
        status: 'PENDING',
        settled: false,
        revision: 3,
        musicTaskId: 'my-music',
        audioId: 'audio-1',
        musicId: null,
        originUrl: null,
        allStems: [],
        stems: null,
        failure: null,
        charge: 'MAYBE',
        createdAt: '2030-01-01T00:00:00.000Z',
        completedAt: null,
        expiresAt: null,
      },
    })
    expect(Object.keys(data?.['separation'] ?? {})).toEqual(
      [...everything.matchAll(/^ {6}(\w+)/gm)].map(([, name]) => name),
    )
  })

  test('that succeeded shows its stems', async () => {
    const task = succeededTask()
    const { ask } = await startWith([task])
    const { data } = await ask(everything, { taskId: task.id })
    const expiresAt = '2030-01-15T00:01:00.000Z'
    expect(data?.['separation']).toMatchObject({
      status: 'SUCCESS',
      settled: true,
      musicId: 'music-1',
      originUrl: 'https://files.example/origin.mp3',
      allStems: [
        { id: `${task.id}.vocal`, part: 'VOCAL' },
        { id: `${task.id}.instrumental`, part: 'INSTRUMENTAL' },
      ],
      stems: {
        __typename: 'VocalStems',
        all: [
          {
            id: `${task.id}.vocal`,
            part: 'VOCAL',
            label: 'Vocals',
            url: 'https://files.example/vocal.mp3',
            durationSeconds: 12.5,
            expiresAt,
          },
          {
            id: `${task.id}.instrumental`,
            part: 'INSTRUMENTAL',
            label: null,
            url: 'https://files.example/instrumental.mp3',
            durationSeconds: null,
            expiresAt,
          },
        ],
        missing: [],
      },
      failure: null,
      charge: 'CHARGED',
      completedAt: '2030-01-01T00:01:00.000Z',
      expiresAt,
    })
  })

  test('that failed shows the cause', async () => {
    const task = failedTask({ charge: 'NONE', providerTaskId: `provider-task-${newTaskId()}` })
    const { ask } = await startWith([task])
    const { data } = await ask(everything, { taskId: task.id })
    expect(data?.['separation']).toMatchObject({
      status: 'GENERATE_AUDIO_FAILED',
      settled: true,
      allStems: [],
      stems: null,
      failure: { code: 'GENERATION_FAILED', providerCode: 501, message: 'The track could not be separated.' },
      charge: 'NONE',
      completedAt: '2030-01-01T00:02:00.000Z',
      expiresAt: null,
    })
  })

  test.each([
    ['SUBMISSION_REFUSED', 'CREATE_TASK_FAILED'],
    ['SUBMISSION_UNCONFIRMED', 'CREATE_TASK_FAILED'],
    ['CREATION_FAILED', 'CREATE_TASK_FAILED'],
    ['GENERATION_FAILED', 'GENERATE_AUDIO_FAILED'],
    ['CALLBACK_FAILED', 'CALLBACK_EXCEPTION'],
    ['NO_RESULT', 'GENERATE_AUDIO_FAILED'],
  ] as const)('with the failure %s has the status %s', async (code, status) => {
    const task = failedTask()
    const { ask } = await startWith([{ ...task, failure: { ...task.failure, code, providerCode: null } }])
    const query = `{ separation(taskId: "${task.id}") { status failure { code providerCode } } }`
    expect((await ask(query)).data).toEqual({ separation: { status, failure: { code, providerCode: null } } })
  })

  test.each([1e12, 1.5, -1e12])('with the provider code %d shows no code', async (providerCode) => {
    const task = failedTask()
    const { ask } = await startWith([{ ...task, failure: { ...task.failure, providerCode } }])
    const query = `{ separation(taskId: "${task.id}") { failure { providerCode } } }`
    expect(await ask(query)).toEqual({ data: { separation: { failure: { providerCode: null } } } })
  })

  test('that was split shows each instrument by name, and an unknown part as OTHER', async () => {
    const others = [stem('other', { label: 'Kazoo' }), stem('other', { label: 'Theremin' })]
    const parts = partsOfType.split_stem.filter((part) => part !== 'piano')
    const task = succeededTask({ type: 'split_stem', stems: [...parts.map((part) => stem(part)), ...others] })
    const { ask } = await startWith([task])
    const fields = partsOfType.split_stem.map((part) => `${part} { part url }`).join(' ')
    const query = `{ separation(taskId: "${task.id}") { stems { __typename ... on InstrumentStems { ${fields} missing all { id part label } } } } }`
    const { data } = await ask(query)
    const stems: Record<string, unknown> = JSON.parse(JSON.stringify(data)).separation.stems
    expect(stems['__typename']).toBe('InstrumentStems')
    for (const part of partsOfType.split_stem) {
      const name = part === 'backingVocals' ? 'BACKING_VOCALS' : part.toUpperCase()
      expect(stems[part]).toEqual(part === 'piano' ? null : { part: name, url: `https://files.example/${part}.mp3` })
    }
    expect(stems['missing']).toEqual(['PIANO'])
    expect(stems['all']).toHaveLength(14)
    expect(stems['all']).toEqual(
      expect.arrayContaining([
        { id: `${task.id}.other.kazoo`, part: 'OTHER', label: 'Kazoo' },
        { id: `${task.id}.other.theremin`, part: 'OTHER', label: 'Theremin' },
      ]),
    )
  })

  test('with two stems shows both by name', async () => {
    const task = succeededTask({ stems: [stem('vocal')] })
    const { ask } = await startWith([task])
    const query = `{ separation(taskId: "${task.id}") { stems { ... on VocalStems { instrumental { id } vocal { id } missing } } } }`
    expect(await ask(query)).toEqual({
      data: {
        separation: { stems: { instrumental: null, vocal: { id: `${task.id}.vocal` }, missing: ['INSTRUMENTAL'] } },
      },
    })
  })

  test("is found by the provider's id, for the default or a named provider", async () => {
    const task = succeededTask({ providerTaskId: 'theirs', provider: 'sunoapi' })
    const { ask } = await startWith([task])
    const query = '{ a: separation(taskId: "theirs", provider: SUNOAPI) { id } b: separation(taskId: "theirs") { id } }'
    expect((await ask(query)).data).toEqual({ a: { id: task.id }, b: null })
  })

  test('of another caller looks like an unknown task', async () => {
    const task = succeededTask({ owner: 'key:web', providerTaskId: 'theirs' })
    const { ask } = await startWith([task])
    const { data } = await ask(`{
      a: separation(taskId: "${task.id}") { id }
      b: separation(taskId: "theirs") { id }
      node(id: "${task.id}") { id }
      separations { edges { node { id } } }
    }`)
    expect(data).toEqual({ a: null, b: null, node: null, separations: { edges: [] } })
  })
})

test('a stem is a node, for its own caller alone', async () => {
  const mine = succeededTask({ type: 'split_stem' })
  const theirs = succeededTask({ owner: 'key:web' })
  const pending = pendingTask()
  const { ask } = await startWith([mine, theirs, pending])
  const { data: all } = await ask(`{ separation(taskId: "${mine.id}") { allStems { id part url } } }`)
  const { allStems: stems }: { allStems: { id: string }[] } = JSON.parse(JSON.stringify(all?.['separation']))
  const { data } = await ask(
    `{ ${stems.map(({ id }, nth) => `n${nth}: node(id: "${id}") { __typename id ... on Stem { part url } }`).join(' ')} }`,
  )
  expect(Object.values(data ?? {})).toEqual(stems.map((each) => ({ __typename: 'Stem', ...each })))
  const others = [`${mine.id}.none`, `${theirs.id}.vocal`, `${pending.id}.vocal`, 'x.vocal', `${mine.id}.`]
  const { data: none } = await ask(`{ ${others.map((id, nth) => `n${nth}: node(id: "${id}") { id }`).join(' ')} }`)
  expect(Object.values(none ?? {})).toEqual(others.map(() => null))
})

describe('a hundred tasks', () => {
  test('under a hundred aliases are read from the store at once', async () => {
    const tasks = Array.from({ length: 50 }, () => pendingTask())
    const reads: string[] = []
    const { ask } = await startWith(tasks, { wrap: recordReads(reads) })
    const fields = tasks.map(
      ({ id, providerTaskId }, i) =>
        `ours${i}: separation(taskId: "${id}") { id } theirs${i}: separation(taskId: "${providerTaskId}") { id }`,
    )
    const { data } = await ask(`{ ${fields.join(' ')} }`)
    expect(Object.values(data ?? {})).toEqual(tasks.flatMap(({ id }) => [{ id }, { id }]))
    // One read for our ids, one for the provider's.
    expect(reads).toEqual(['find 50', 'findBound 50'])
  })

  test('as nodes are read from the store at once', async () => {
    const tasks = Array.from({ length: 100 }, () => pendingTask())
    const reads: string[] = []
    const { ask } = await startWith(tasks, { wrap: recordReads(reads) })
    const { data } = await ask(`{ ${tasks.map(({ id }, i) => `n${i}: node(id: "${id}") { id }`).join(' ')} }`)
    expect(Object.values(data ?? {})).toEqual(tasks.map(({ id }) => ({ id })))
    expect(reads).toEqual(['find 100'])
  })
})

test.each(['separate_vocal', 'split_stem'] as const)(
  'a finished task is the same as a node and by its id (%s)',
  async (type) => {
    const task = succeededTask({ type })
    const { ask } = await startWith([task])
    const fragment = await readFile(
      new URL('../../schema/operations/separation-fields.graphql', import.meta.url),
      'utf8',
    )
    const { data, errors } = await ask(
      `query ($id: ID!) { node(id: $id) { ...SeparationFields } separation(taskId: $id) { ...SeparationFields } } ${fragment}`,
      { id: task.id },
    )
    expect(errors).toBeUndefined()
    expect(data?.['node']).toMatchObject({ id: task.id, stems: { __typename: expect.stringMatching(/Stems$/) } })
    expect(data?.['node']).toEqual(data?.['separation'])
  },
)

test('a disabled provider is reported when one of its ids is queried', async () => {
  const gateway = await startGateway()
  const query = '{ separation(taskId: "theirs", provider: KIE) { id } }'
  expect(await gateway.ask(query)).toMatchObject({
    data: { separation: null },
    errors: [{ message: 'KIE is not enabled here. Enabled: SANDBOX.', extensions: { code: 'BAD_USER_INPUT' } }],
  })
  expect(await gateway.ask(query.replace('KIE', 'SANDBOX'))).toEqual({ data: { separation: null } })
})

test("errors of graphql-js about our own values are logged and hidden; errors about the caller's values are returned", async () => {
  const logged: string[] = []
  const log: Log = {
    debug() {},
    info() {},
    warn() {},
    error: (detail) => void logged.push(String(Object.values(detail))),
  }
  const task = pendingTask()
  const broken: Task = { ...task, audioId: JSON.parse('{}') }
  const wrap = (store: Store): Store => ({ ...store, find: async () => [broken] })
  const { ask } = await startWith([task], { wrap, log })
  const query =
    'query ($id: ID! = "x", $n: Int) { separation(taskId: $id) { audioId } separations(first: $n) { __typename } }'
  expect(await ask(query, { id: task.id })).toMatchObject({
    errors: [
      {
        message: 'An internal error occurred. The gateway has logged it.',
        path: ['separation', 'audioId'],
        extensions: { code: 'INTERNAL_SERVER_ERROR' },
      },
    ],
  })
  expect(logged).toEqual([expect.stringContaining('ID cannot represent value')])

  for (const variables of [{ id: null }, { id: {} }, { id: 'x', n: 'three' }, { id: 'x', n: 2 ** 40 }]) {
    const { errors } = await ask(query, variables)
    expect(errors).toEqual([
      expect.objectContaining({ message: expect.stringMatching(/\$|Argument|must not be null/) }),
    ])
  }
  expect(logged).toHaveLength(1)
})

test('malformed ids return null', async () => {
  const task = pendingTask({ providerTaskId: 'theirs' })
  const { ask } = await startWith([task])
  const ids = [
    '',
    ' ',
    'sep_',
    task.id.toUpperCase(),
    `${task.id}x`,
    newTaskId(),
    'theirs',
    'U2VwOjE=',
    '🎹',
    'x'.repeat(5_000),
  ]
  for (const id of ids) {
    expect(
      await ask('query ($id: ID!) { node(id: $id) { id } separation(taskId: $id, provider: SANDBOX) { id } }', { id }),
    ).toEqual({
      data: { node: null, separation: null },
    })
  }
})

describe('the list of tasks', () => {
  interface Listed {
    readonly ids: readonly string[]
    readonly cursors: readonly string[]
    readonly pageInfo: Readonly<Record<string, unknown>>
  }

  const start = Date.UTC(2030, 0, 1)
  /** Newest first, two tasks per timestamp. */
  const sevenTasks = () =>
    Array.from({ length: 7 }, (_, i) => pendingTask({ createdAtMs: start + Math.floor(i / 2) })).toReversed()
  const newestFirst = (tasks: readonly Task[]) =>
    tasks.toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1)).map(({ id }) => id)

  async function startListing(tasks: readonly Task[]) {
    const { ask } = await startWith(tasks)
    const list = async (args: object = {}): Promise<Listed> => {
      const { data, errors } = await ask(
        `query ($where: SeparationFilter, $first: Int, $after: String, $last: Int, $before: String) {
          separations(where: $where, first: $first, after: $after, last: $last, before: $before) {
            edges { cursor node { id } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
          }
        }`,
        args,
      )
      if (errors !== undefined) throw new Error(JSON.stringify(errors))
      const page: {
        readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[]
        readonly pageInfo: Readonly<Record<string, unknown>>
      } = JSON.parse(JSON.stringify(data)).separations
      return {
        ids: page.edges.map(({ node }) => node.id),
        cursors: page.edges.map(({ cursor }) => cursor),
        pageInfo: page.pageInfo,
      }
    }
    return { ask, list }
  }

  test('is paged forward, newest first', async () => {
    const tasks = sevenTasks()
    const ids = newestFirst(tasks)
    const { list } = await startListing(tasks)
    expect((await list()).ids).toEqual(ids)
    const pages: Listed[] = []
    for (let after: unknown = null, hasNext = true; hasNext;) {
      const page = await list({ first: 3, after })
      pages.push(page)
      after = page.pageInfo['endCursor']
      hasNext = page.pageInfo['hasNextPage'] === true
    }
    expect(pages.map((page) => page.ids)).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)])
    expect(pages.map(({ pageInfo }) => pageInfo['hasPreviousPage'])).toEqual([false, true, true])
    for (const { cursors, pageInfo } of pages) {
      expect(pageInfo).toMatchObject({ startCursor: cursors.at(0), endCursor: cursors.at(-1) })
    }
  })

  test('is paged backward, each page still newest first', async () => {
    const tasks = sevenTasks()
    const ids = newestFirst(tasks)
    const { list } = await startListing(tasks)
    const pages: Listed[] = []
    for (let before: unknown = null, hasPrevious = true; hasPrevious;) {
      const page = await list({ last: 3, before })
      pages.push(page)
      before = page.pageInfo['startCursor']
      hasPrevious = page.pageInfo['hasPreviousPage'] === true
    }
    expect(pages.map((page) => page.ids)).toEqual([ids.slice(4), ids.slice(1, 4), ids.slice(0, 1)])
    expect(pages.map(({ pageInfo }) => pageInfo['hasNextPage'])).toEqual([false, true, true])
  })

  test('between two cursors holds the tasks between them', async () => {
    const tasks = sevenTasks()
    const ids = newestFirst(tasks)
    const { list } = await startListing(tasks)
    const { cursors } = await list()
    const [after, before] = [cursors[1], cursors[5]]
    expect((await list({ after, before })).ids).toEqual(ids.slice(2, 5))
    expect((await list({ first: 2, after, before })).ids).toEqual(ids.slice(2, 4))
    expect((await list({ last: 2, after, before })).ids).toEqual(ids.slice(3, 5))
    expect((await list({ first: 2, before })).ids).toEqual(ids.slice(0, 2))
  })

  test('holds 20 tasks per page by default and up to 100 on request', async () => {
    const { list } = await startListing(Array.from({ length: 101 }, (_, i) => pendingTask({ createdAtMs: start + i })))
    expect((await list()).ids).toHaveLength(20)
    for (const size of [{ first: 100 }, { last: 100 }]) {
      const { ids, pageInfo } = await list(size)
      expect({ size, count: ids.length }).toEqual({ size, count: 100 })
      expect(pageInfo[('first' in size && 'hasNextPage') || 'hasPreviousPage']).toBe(true)
    }
  })

  test('has no cursors when it is empty', async () => {
    const { list } = await startListing(sevenTasks())
    const nowhere = { ids: [], cursors: [], pageInfo: expect.objectContaining({ startCursor: null, endCursor: null }) }
    expect(await list({ where: { audioId: 'another' } })).toEqual(nowhere)
    expect(await list({ where: { status: [] } })).toEqual(nowhere)
    expect(await list({ first: 0 })).toEqual(nowhere)
    const { cursors } = await list()
    expect(await list({ after: cursors.at(-1) })).toEqual(nowhere)
  })

  test('can be filtered by each property alone and by all together', async () => {
    const statuses = [pendingTask, succeededTask, failedTask]
    const tasks = statuses.flatMap((make) =>
      (['separate_vocal', 'split_stem'] as const).flatMap((type) =>
        (['kie', 'sandbox'] as const).flatMap((provider) =>
          ['a', 'b'].map((audioId) => make({ type, provider, audioId })),
        ),
      ),
    )
    const { list } = await startListing(tasks)
    const count = async (where: object) => (await list({ where, first: 100 })).ids.length
    expect(await count({})).toBe(24)
    expect(await count({ status: null, type: null, provider: null, audioId: null })).toBe(24)
    expect(await count({ status: ['SUCCESS'] })).toBe(8)
    expect(await count({ status: 'PENDING' })).toBe(8)
    expect(await count({ status: ['PENDING', 'GENERATE_AUDIO_FAILED'] })).toBe(16)
    expect(await count({ status: ['CREATE_TASK_FAILED', 'CALLBACK_EXCEPTION'] })).toBe(0)
    expect(await count({ type: 'SPLIT_STEM' })).toBe(12)
    expect(await count({ provider: 'SANDBOX' })).toBe(12)
    expect(await count({ provider: 'APIKLEY' })).toBe(0)
    expect(await count({ audioId: 'b' })).toBe(12)
    expect(await count({ status: ['SUCCESS', 'PENDING'], type: 'SPLIT_STEM', provider: 'KIE' })).toBe(4)

    const only = { status: ['SUCCESS'], type: 'SPLIT_STEM', provider: 'KIE', audioId: 'b' }
    const [wanted] = tasks.filter(
      (task) =>
        task.state === 'succeeded' && task.type === 'split_stem' && task.provider === 'kie' && task.audioId === 'b',
    )
    expect((await list({ where: only })).ids).toEqual([wanted?.id])
  })

  test('keeps its filter from page to page', async () => {
    const tasks = Array.from({ length: 6 }, (_, i) =>
      pendingTask({ audioId: i % 2 === 0 ? 'even' : 'odd', createdAtMs: start + i }),
    )
    const { list } = await startListing(tasks)
    const where = { audioId: 'even' }
    const first = await list({ where, first: 2 })
    const second = await list({ where, first: 2, after: first.pageInfo['endCursor'] })
    expect([...first.ids, ...second.ids]).toEqual([tasks[4]?.id, tasks[2]?.id, tasks[0]?.id])
  })

  test.each([
    { after: '' },
    { after: 'nonsense' },
    { before: 'b2Zmc2V0OjE' },
    { after: Buffer.from('1/sep_x').toString('base64url') },
    { after: Buffer.from(`-1/${newTaskId()}`).toString('base64url') },
    { after: Buffer.from(`1'; DROP TABLE tasks/${newTaskId()}`).toString('base64url') },
    { first: -1 },
    { last: -1 },
    { first: 101 },
    { first: 1_000_000 },
    { first: 2_147_483_647 },
    { first: 101, last: null },
    { last: 101 },
    { last: 1_000_000 },
    { first: 1, last: 1 },
    { where: { audioId: 'audio\u0000id' } },
    { where: { audioId: 'audio\u0007id' } },
    { where: { musicTaskId: 'music\u0000id' } },
    { where: { musicTaskId: 'music\ud800' } },
    { where: { createdAfter: '2030-01-02T00:00:00Z', createdBefore: '2030-01-01T00:00:00Z' } },
    { where: { createdAfter: '2030-01-01T00:00:00Z', createdBefore: '2030-01-01T00:00:00Z' } },
  ])('refuses %j', async (args) => {
    const { ask } = await startListing([])
    const { data, errors } = await ask(
      'query ($where: SeparationFilter, $first: Int, $after: String, $last: Int, $before: String) { separations(where: $where, first: $first, after: $after, last: $last, before: $before) { edges { cursor } } }',
      args,
    )
    expect(data).toBeNull()
    expect(errors).toMatchObject([{ path: ['separations'], extensions: { code: 'BAD_USER_INPUT' } }])
  })
})
