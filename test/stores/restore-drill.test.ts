import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, storedTasks, untilSettled } from '../support/gateway.ts'
import { newDatabaseUrl } from '../support/program.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'

const guide = await readFile(new URL('../../docs/operator/backup.md', import.meta.url), 'utf8')
const postgres = await findPostgres()

/** The commands of the first block below a heading of the guide. */
function commandsBelow(heading: string): string {
  const [, commands] = new RegExp(`^### ${heading}\n[^#]*?\`\`\`sh\n([\\s\\S]*?)\`\`\``, 'm').exec(guide) ?? []
  if (commands === undefined) throw new Error(`The guide has no commands below ${heading}.`)
  return commands
}

/** Runs them where the built programs are, and gives their output. The folder goes with the test. */
async function run(commands: string, environment: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-drill-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await symlink(dirname(inject('program')), join(folder, 'dist'))
  const env = { PATH: process.env['PATH'], SANDBOX: 'true', ...environment }
  const { status, stdout, stderr } = spawnSync('sh', ['-eu', '-c', commands], { cwd: folder, env, encoding: 'utf8' })
  expect([status, stderr]).toMatchObject([0, expect.not.stringContaining('rror')])
  return { folder, stdout }
}

describe('the restore drill of the guide', () => {
  test('copies the SQLite file of a running gateway to one that has its tasks and accepts orders', async () => {
    const gateway = await startGateway({ DATABASE_URL: await newDatabaseUrl() })
    const taskId = await order(gateway, { audioId: 'done' })
    await untilSettled(gateway, taskId)
    const environment = { DATABASE_URL: gateway.environment['DATABASE_URL'] ?? '' }
    const { folder, stdout } = await run(commandsBelow('Drill with SQLite'), environment)
    expect(stdout).toContain('0 errors')
    await expectSameTasks(`file:${folder}/restored/stemgate.db`, taskId)
  })

  test.skipIf(postgres === null)(
    'copies a PostgreSQL database to one that has its tasks and accepts orders',
    async () => {
      const gateway = await startGateway({ DATABASE_URL: await newPostgresDatabase() })
      const taskId = await order(gateway, { audioId: 'done' })
      await untilSettled(gateway, taskId)
      const url = gateway.environment['DATABASE_URL'] ?? ''
      const name = `${new URL(url).pathname.slice(1)}_restored`
      const restoredUrl = url.replace(/\/[^/?]+(?=$|\?)/, `/${name}`)
      const commands = commandsBelow('Drill with PostgreSQL').replaceAll('stemgate_restored', name)
      onTestFinished(() => void spawnSync('dropdb', [`--maintenance-db=${postgres}`, '--force', name]))
      const { stdout } = await run(commands, { DATABASE_URL: url, RESTORED_URL: restoredUrl })
      expect(stdout).toContain('0 errors')
      await expectSameTasks(restoredUrl, taskId)
    },
  )
})

async function expectSameTasks(databaseUrl: string, taskId: string): Promise<void> {
  const restored = await startGateway({ DATABASE_URL: databaseUrl })
  const tasks = await storedTasks(await openStoreOf(restored))
  expect(tasks.map(({ id, state }) => [id, state])).toEqual([[taskId, 'succeeded']])
  // Joins the task, as it would have before.
  expect(await order(restored, { audioId: 'done' })).toBe(taskId)
  expect(await order(restored, { audioId: 'slow' })).not.toBe(taskId)
}
