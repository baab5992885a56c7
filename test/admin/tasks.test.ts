import { describe, expect, test } from 'vitest'
import type { Task } from '../../src/separation/task/task.ts'
import { adminJson, runAdmin, storeTasks } from '../support/admin.ts'
import { canary } from '../support/canaries.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, storedTask, untilSettled, type TestGateway } from '../support/gateway.ts'
import { recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { failedTask, pendingTask, stem, succeededTask } from '../support/tasks.ts'

const minuteMs = 60_000

/** Some tasks of two callers, a minute apart, the newest last. */
function someTasks(): readonly Task[] {
  const nowMs = Date.now()
  const old = (minutes: number) => ({ createdAtMs: nowMs - minutes * minuteMs })
  const { failure } = failedTask()
  const lost = { kind: 'unanswered', atMs: nowMs } as const
  const unconfirmed = { ...failure, code: 'SUBMISSION_UNCONFIRMED', by: 'gateway' } as const
  return [
    failedTask({ ...old(9), owner: 'key:web', charge: 'MAYBE', providerTaskId: null, failure: unconfirmed }),
    pendingTask({ ...old(8), owner: 'key:app', charge: 'MAYBE', providerTaskId: null }),
    pendingTask({ ...old(7.5), owner: 'key:app', charge: 'MAYBE', providerTaskId: null, events: [lost] }),
    succeededTask({ ...old(7), owner: 'key:web', provider: 'apikley' }),
    failedTask({ ...old(6), owner: 'key:app' }),
    pendingTask({ ...old(5), owner: 'key:web', provider: 'apikley' }),
    pendingTask({ ...old(4.5), owner: 'key:app', charge: 'NONE', providerTaskId: null }),
    succeededTask({ ...old(4), owner: 'key:app' }),
  ]
}

async function startWith(tasks: readonly Task[]): Promise<TestGateway> {
  const gateway = await startGateway()
  await storeTasks(gateway, tasks)
  return gateway
}

async function listed(gateway: TestGateway, ...args: readonly string[]) {
  const page = await adminJson(gateway, 'tasks', ...args)
  if (!isPage(page)) throw new Error('It printed no page.')
  return { ids: page.tasks.map(({ id }) => id), next: page.next }
}

function isPage(value: unknown): value is { tasks: readonly { id: string }[]; next: string | null } {
  return typeof value === 'object' && value !== null && 'tasks' in value && 'next' in value
}

describe('the list of tasks', () => {
  test('contains those of all callers, newest first, by any filter', async () => {
    const tasks = someTasks()
    const gateway = await startWith(tasks)
    const [unconfirmed, inFlight, unanswered, done, failed, pending, queued, newest] = tasks.map(({ id }) => id)
    const cases: readonly [readonly string[], readonly (string | undefined)[]][] = [
      [[], [newest, queued, pending, failed, done, unanswered, inFlight, unconfirmed]],
      [['--maybe'], [unanswered, inFlight, unconfirmed]],
      [['--unconfirmed'], [unanswered, unconfirmed]],
      [['--unconfirmed', '--owner', 'key:app'], [unanswered]],
      [['--queued'], [queued]],
      [['--queued', '--owner', 'key:app'], [queued]],
      [['--queued', '--owner', 'key:web'], []],
      [
        ['--status', 'pending'],
        [queued, pending, unanswered, inFlight],
      ],
      [
        ['--status', 'SUCCESS,generate-audio-failed'],
        [newest, failed, done],
      ],
      [
        ['--provider', 'Apikley'],
        [pending, done],
      ],
      [
        ['--provider', 'kie', '--status=pending'],
        [queued, unanswered, inFlight],
      ],
      [
        ['--owner', 'key:app'],
        [newest, queued, failed, unanswered, inFlight],
      ],
      [
        ['--owner', 'key:app', '--maybe'],
        [unanswered, inFlight],
      ],
      [['--owner', 'key:nobody'], []],
      [['--maybe', '--older-than', '510s'], [unconfirmed]],
      [
        ['--owner', 'key:web', '--older-than', '6m'],
        [done, unconfirmed],
      ],
    ]
    const found = await Promise.all(cases.map(([args]) => listed(gateway, ...args)))
    expect(found.map(({ ids }) => ids)).toEqual(cases.map(([, ids]) => ids))
    expect(found.every(({ next }) => next === null)).toBe(true)
  })

  test.each([
    { filter: [] },
    { filter: ['--owner', 'key:web'] },
    { filter: ['--status', 'pending'] },
    { filter: ['--maybe'] },
    { filter: ['--unconfirmed'] },
    { filter: ['--queued'] },
  ])('comes in pages that leave out nothing: $filter', async ({ filter }) => {
    const gateway = await startWith(someTasks())
    const { ids } = await listed(gateway, ...filter)
    const paged: string[] = []
    let next: string | null = null
    do {
      const page = await listed(gateway, ...filter, '--limit=1', ...(next === null ? [] : ['--after', next]))
      paged.push(...page.ids)
      next = page.next
    } while (next !== null)
    expect(paged).toEqual(ids)
  })

  test('is a table for people, in which no text of a caller can control the terminal', async () => {
    const gateway = await startWith([
      pendingTask({ owner: 'jwt:https://id.example|\u001b[31m\u202ex', charge: 'CHARGED' }),
    ])
    const { code, stdout } = await runAdmin(gateway, 'tasks')
    const [titles, row] = stdout.split('\n')
    expect(code).toBe(0)
    expect(titles).toMatch(/^ID +AGE +OWNER +PROVIDER +TYPE +STATUS +CHARGE +DETAIL$/)
    expect(row).toMatch(
      /^sep_\w{26} .* jwt:https:\/\/id\.example\|\\u\{1b\}\[31m\\u\{202e\}x .*PENDING  CHARGED  PROCESSING$/,
    )
    expect((await runAdmin(gateway, 'tasks', '--maybe')).stdout).toBe('No task matches.\n')
  })

  test.each([
    { args: ['--queued', '--maybe'], says: /Give --queued without --status, --maybe and --unconfirmed/ },
    { args: ['--limit', '0'], says: /--limit must be a number from 1 to 1000/ },
    { args: ['--limit', 'all'], says: /--limit must be a number/ },
    { args: ['--older-than', 'yesterday'], says: /--older-than must be a time such as/ },
    { args: ['--provider', 'spotify'], says: /Unknown provider\. It can be kie, apikley, sunoapi, or sandbox/ },
    { args: ['--status', 'done'], says: /Unknown status\. It can be pending, success/ },
    { args: ['--status', ''], says: /--status must not be empty/ },
    { args: ['--unconfirmed', '--status', 'success'], says: /either --unconfirmed or --status/ },
    { args: ['--after', 'kie-task'], says: /--after must be a task id/ },
    { args: ['key:web'], says: /tasks takes no arguments, not 1/ },
  ])('is refused with instructions for $args', async ({ args, says }) => {
    const { code, stdout, stderr } = await runAdmin({ environment: {} }, 'tasks', ...args)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    // Before the database is opened, which does not exist.
    expect(stderr).toMatch(says)
  })
})

describe('a task', () => {
  test('is shown whole, without the secrets that it holds', async () => {
    const gateway = await startGateway()
    const secretUrl = `https://files.example/${canary}.mp3?token=${canary}`
    const task = succeededTask({
      owner: 'key:web',
      reference: 'user-1/song',
      stems: [stem('vocal', { url: { value: secretUrl, by: 'record-info', atMs: 1 } }), stem('instrumental')],
      originUrl: { value: secretUrl, by: 'record-info' },
      trace: { requestId: 'request-1', traceId: '0'.repeat(31) + '1', spanId: null, isSampled: false },
      archive: { copies: [{ stem: 'vocal', sha256: 'ab'.repeat(32), sizeBytes: 5, atMs: 1 }], deletedAtMs: null },
      events: [{ kind: 'sent', atMs: 1_800_000_000_000 }],
    })
    await storeTasks(gateway, [task])
    const shown = await adminJson(gateway, 'show', task.id)
    expect(shown).toMatchObject({
      id: task.id,
      owner: 'key:web',
      reference: 'user-1/song',
      status: 'SUCCESS',
      phase: 'SETTLED',
      originHost: 'files.example',
      requestId: 'request-1',
      events: [{ kind: 'sent', at: '2027-01-15T08:00:00.000Z' }],
      stems: [{ name: 'vocal', host: 'files.example' }, { name: 'instrumental' }],
      archive: { copies: [{ stem: 'vocal', sizeBytes: 5 }] },
      nextCheckAt: null,
      savedCallbacks: [],
    })
    const { stdout } = await runAdmin(gateway, 'show', String(task.providerTaskId))
    expect(stdout).toMatch(/^id +sep_/)
    expect(stdout).toMatch(/^sent +2027-01-15T08:00:00\.000Z$/m)
    expect(stdout).toMatch(/^vocal +Vocals|^vocal .*files\.example/m)
  })

  test('is shown with its saved callbacks, keys, budgets and the time of its next check', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, ORDERS_PER_DAY: '5' })
    const id = await order(gateway, { idempotencyKey: 'key-1' })
    const store = await openStoreOf(gateway)
    const { providerTaskId } = await storedTask(store, id)
    await store.saveCallback({ taskId: id, receivedAtMs: Date.now(), providerTaskId, report: null })
    expect(await adminJson(gateway, 'show', id)).toMatchObject({
      idempotencyKeys: ['key-1'],
      budgets: [{ budget: 'orders/day', amount: 1, isGivenBack: false }],
      savedCallbacks: [{ providerTaskId, outcome: null }],
    })
  })

  test('whose id two providers use is not guessed', async () => {
    const twins = [
      pendingTask({ providerTaskId: 'twin' }),
      pendingTask({ provider: 'apikley', providerTaskId: 'twin' }),
    ]
    const gateway = await startWith(twins)
    const { code, stderr } = await runAdmin(gateway, 'show', 'twin')
    expect(code).toBe(1)
    for (const { id } of twins) expect(stderr).toContain(id)
  })
})

describe('a recheck', () => {
  test('makes a gateway ask the provider at once, which finds a result that nobody reported', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '600' })
    const id = await order(gateway)
    const { providerTaskId } = await storedTask(await openStoreOf(gateway), id)
    provider.answerRead(recordOfSuccess(String(providerTaskId)))
    const settled = untilSettled(gateway, id)
    expect(await adminJson(gateway, 'recheck', '--dry-run', id)).toMatchObject({ isDryRun: true })
    expect(provider.reads).toHaveLength(0)
    const output = await runAdmin(gateway, 'recheck', String(providerTaskId), id, 'sep_nothing', 'nothing')
    expect(output.code).toBe(1)
    expect(output.stdout.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(new RegExp(`^${id} +due now`)),
      expect.stringMatching(/^sep_nothing +no such task/),
      expect.stringMatching(/^nothing +no such task/),
    ])
    expect((await settled).status).toBe('SUCCESS')
  })
})
