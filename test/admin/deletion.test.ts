import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { WatchDocument } from '../../schema/operations.ts'
import { firstTaskIdAt, newTaskId } from '../../src/separation/task/task-id.ts'
import { ownerTables, taskTables } from '../../src/stores/purge/task-tables.ts'
import { adminJson, runAdmin, storeTasks } from '../support/admin.ts'
import { newFolderArchive, oggBytes, storeNewTask, untilArchived } from '../support/archive.ts'
import { changeRows, openStoreOf, rowsOf } from '../support/database.ts'
import { rangedFile, startFileServer } from '../support/file-server.ts'
import { collect, order, startGateway, type TestGateway } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { runProgram } from '../support/run-program.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'

const soon = { timeout: 20_000, interval: 50 }
const dayMs = 24 * 60 * 60_000

/** The id of a task that was stored so many days ago. */
function oldTaskId(days: number): string {
  return `${firstTaskIdAt(Date.now() - days * dayMs).slice(0, 14)}${newTaskId().slice(14)}`
}

async function storedNames(gateway: TestGateway, name: string): Promise<readonly string[]> {
  const tables = ['tasks', 'tombstones', ...new Set([...taskTables, ...ownerTables])]
  const rows = await Promise.all(
    tables.map(async (table) => ({ table, rows: await rowsOf(gateway, `select * from ${table}`) })),
  )
  return rows.filter((each) => JSON.stringify(each.rows).includes(name)).map(({ table }) => table)
}

async function startWithTasks(count: number, owner: string) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(provider.environment)
  const store = await openStoreOf(gateway)
  for (let nth = 0; nth < count; nth += 1) {
    await store.adopt(succeededTask({ id: newTaskId(), owner, providerTaskId: `p-${nth}` }), null)
  }
  return { provider, gateway, store }
}

describe('purge', () => {
  test('deletes old tasks alone, and says before how many', async () => {
    const { gateway, store } = await startWithTasks(2, 'key:web')
    const old = [succeededTask({ id: oldTaskId(50) }), failedTask({ id: oldTaskId(50), charge: 'MAYBE' })]
    for (const task of old) await store.adopt(task, null)
    await storeTasks(gateway, [pendingTask({ id: oldTaskId(50), providerTaskId: 'pending' })])
    await changeRows(gateway, 'update tasks set changed_at = ?, created_at = ?', [1, 1])

    const kept = { pending: 1, maybe: 1, undelivered: 0 }
    const counts = { isDryRun: true, days: 40, deleted: 1, busy: 0, withFiles: 0, ...kept }
    expect(await adminJson(gateway, 'purge', '--older-than', '40', '--dry-run')).toEqual(counts)
    expect(await rowsOf(gateway, 'select id from tasks')).toHaveLength(5)
    expect(await adminJson(gateway, 'purge', '--older-than', '40')).toEqual({ ...counts, isDryRun: false })
    expect(await rowsOf(gateway, 'select id from tasks')).toHaveLength(4)
    const again = await runAdmin(gateway, 'purge', '--older-than', '40')
    expect(again).toMatchObject({
      code: 0,
      stdout:
        'Deleted 0 tasks older than 40 days.\n' +
        'Kept, because they are pending: 1 task.\n' +
        'Kept, because they may be charged (MAYBE, see resolve): 1 task.\n',
    })
  })

  test.each([
    { args: [], says: /TASKS_KEPT_DAYS, or use --older-than/ },
    { args: ['--older-than', '30'], says: /from 31 to 36500/ },
    { args: ['--older-than', '1e9'], says: /from 31 to 36500/ },
  ])('with $args is refused', async ({ args, says }) => {
    const { gateway } = await startWithTasks(0, 'key:web')
    const { code, stderr } = await runAdmin(gateway, 'purge', ...args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(says) })
  })
})

describe('forget', () => {
  test('deletes everything of a caller and nothing of others, and is safe to repeat', async () => {
    const { gateway, store } = await startWithTasks(30, 'key:web')
    await store.adopt(succeededTask({ id: newTaskId(), owner: 'key:other', providerTaskId: 'other' }), null)
    await changeRows(gateway, "insert into budgets (owner, name, window_start, used) values ('key:web', ?, 1, 1)", [
      'o',
    ])
    expect(await adminJson(gateway, 'forget', 'key:web', '--dry-run')).toMatchObject({
      tasks: 30,
      pending: 0,
      maybe: 0,
    })
    expect(await storedNames(gateway, 'key:web')).toEqual(['tasks', 'budgets'])

    expect(await adminJson(gateway, 'forget', 'key:web')).toMatchObject({ tasks: 30, deleted: 30, left: 0 })
    expect(await storedNames(gateway, 'key:web')).toEqual([])
    expect(await storedNames(gateway, 'key:other')).toEqual(['tasks'])
    expect(await runAdmin(gateway, 'forget', 'key:web')).toMatchObject({
      code: 1,
      stdout: 'Nothing is stored of key:web.\n',
    })
  })

  test('deletes what is stored of a caller without tasks', async () => {
    const { gateway } = await startWithTasks(0, 'key:web')
    await changeRows(gateway, "insert into budgets (owner, name, window_start, used) values ('key:web', 'o', 1, 1)", [])
    expect(await adminJson(gateway, 'forget', 'key:web', '--dry-run')).toMatchObject({ tasks: 0 })
    expect(await adminJson(gateway, 'forget', 'key:web')).toMatchObject({ deleted: 0 })
    expect(await storedNames(gateway, 'key:web')).toEqual([])
  })

  test('waits for pending tasks, unless it is told not to, and nothing of them comes back', async () => {
    const { provider, gateway } = await startWithTasks(0, 'anonymous')
    const taskId = await order(gateway, { idempotencyKey: 'my-key' })
    const { body } = await provider.order(0)
    const watching = collect(gateway.connect(), WatchDocument, { taskId })
    const refused = await runAdmin(gateway, 'forget', 'anonymous')
    expect(refused).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Pending tasks: 1 of 1, so nothing was deleted/),
    })

    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))
    expect(await adminJson(gateway, 'forget', 'anonymous', '--including-pending')).toMatchObject({
      tasks: 1,
      pending: 1,
      deleted: 1,
      left: 0,
    })
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
    // Its subscription ends.
    expect((await watching).at(0)?.separationUpdated).toMatchObject({ id: taskId, status: 'PENDING' })
    expect(await rowsOf(gateway, 'select id from tasks')).toEqual([])
    const { data } = await gateway.ask(
      `mutation { separate(input: { musicTaskId: "m", audioId: "a", idempotencyKey: "my-key" }) { __typename } }`,
    )
    expect(data).toEqual({ separate: { __typename: 'TaskDeletedError' } })
    expect(provider.orders).toHaveLength(1)
  })

  test('deletes the files in the archive too', async () => {
    const archive = await newFolderArchive()
    const files = await startFileServer(rangedFile(oggBytes(1_000)))
    const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host, ...archive.environment })
    const { id } = await storeNewTask(gateway, { vocal: `${files.url}/a.mp3` })
    await untilArchived(gateway, id)
    const { DATABASE_URL: url = '' } = gateway.environment
    const blind = await runProgram('admin/main.js', ['forget', 'anonymous'], { DATABASE_URL: url })
    expect(blind).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(
        'Kept, because the archive with their files is not configured here or cannot be used: 1 task.',
      ),
    })
    const { code, stdout } = await runAdmin(gateway, 'forget', 'anonymous')
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('Deleted 1 task.') })
    expect(await archive.keys()).toEqual([])
  })

  test('goes on after it was killed', async () => {
    const { gateway } = await startWithTasks(400, 'key:web')
    const countLeft = async () => (await rowsOf(gateway, "select id from tasks where owner = 'key:web'")).length
    const program = join(dirname(inject('program')), 'admin/main.js')
    const child = spawn(process.execPath, [program, 'forget', 'key:web'], {
      env: { DATABASE_URL: gateway.environment['DATABASE_URL'] ?? '' },
      stdio: 'ignore',
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    await expect.poll(countLeft, { ...soon, interval: 5 }).toBeLessThan(400)
    child.kill('SIGKILL')
    expect(await adminJson(gateway, 'forget', 'key:web')).toMatchObject({ left: 0 })
    expect(await storedNames(gateway, 'key:web')).toEqual([])
    expect(await rowsOf(gateway, 'select mark from tombstones')).toHaveLength(800)
  })
})
