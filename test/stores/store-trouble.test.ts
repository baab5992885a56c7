import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ReadDocument, SeparateDocument } from '../../schema/operations.ts'
import { createCheckpoint } from '../../src/stores/sqlite/create-checkpoint.ts'
import { openSqliteFile } from '../../src/stores/sqlite/sqlite-file.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { callbackOfSuccess, startPlayedProvider } from '../support/played-provider.ts'

/** Mounts a small file system in memory that a test can fill; null if this user may not mount one. */
function mountSmallDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'stemgate-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
    return folder
  } catch {
    rmdirSync(folder)
    return null
  }
}

function unmount(folder: string): void {
  execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' })
  rmdirSync(folder)
}

const probe = mountSmallDisk()
if (probe === null) console.warn('Skipped the tests of a full and a read-only disk: this user cannot mount one.')
else unmount(probe)

async function startOnSmallDisk() {
  const folder = mountSmallDisk() ?? ''
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    DATABASE_URL: `file:${join(folder, 'stemgate.db')}`,
  })
  onTestFinished(() => unmount(folder))
  return { folder, provider, gateway }
}

async function order(gateway: TestGateway, audioId: string) {
  return gateway.send(SeparateDocument, { input: { musicTaskId: 'music', audioId } })
}

async function readyOf(gateway: TestGateway): Promise<number> {
  const response = await fetch(`${gateway.url}/health/ready`)
  await response.arrayBuffer()
  return response.status
}

async function statusOf(gateway: TestGateway, taskId: string) {
  return (await gateway.send(ReadDocument, { taskId })).data?.separation?.status
}

/** Creates a task that a callback can be sent for. */
async function orderFirst(gateway: TestGateway): Promise<string> {
  const { data } = await order(gateway, 'first')
  if (data?.separate.__typename !== 'SeparateSuccess') throw new Error('The first order must succeed.')
  return data.separate.task.id
}

const unavailable = [{ extensions: { code: 'UNAVAILABLE' } }]

describe('a gateway whose store is not writable', () => {
  test.skipIf(probe === null)(
    'because the disk is full refuses orders and callbacks, and recovers afterwards',
    async () => {
      const { folder, provider, gateway } = await startOnSmallDisk()
      const taskId = await orderFirst(gateway)
      const filler = join(folder, 'filler')
      await writeFile(filler, Buffer.alloc(1 << 20)).catch(() => {})

      expect((await order(gateway, 'second')).errors).toMatchObject(unavailable)
      expect(provider.orders).toHaveLength(1)
      const { callBackUrl } = (await provider.order(0)).body
      expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(503)
      expect(await statusOf(gateway, taskId)).toBe('PENDING')
      await expect.poll(() => readyOf(gateway), { timeout: 5_000 }).toBe(503)
      const log = gateway.logged.join('\n')
      expect(log).toContain('database or disk is full')
      expect(log).not.toContain('cannot rollback')

      await rm(filler)
      await expect.poll(() => readyOf(gateway), { timeout: 5_000 }).toBe(200)
      expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
      await expect.poll(() => statusOf(gateway, taskId), { timeout: 10_000 }).toBe('SUCCESS')
      expect((await order(gateway, 'second')).data?.separate).toMatchObject({ reused: false })
      expect(provider.orders).toHaveLength(2)
    },
  )

  test('because another process locks it refuses orders and keeps serving reads', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway(provider.environment)
    const taskId = await orderFirst(gateway)
    const path = (gateway.environment['DATABASE_URL'] ?? '').replace('file:', '')
    const other = new DatabaseSync(path)
    onTestFinished(() => other.close())
    other.exec('BEGIN IMMEDIATE')

    let maxStallMs = 0
    let lastMs = performance.now()
    const ticks = setInterval(() => {
      maxStallMs = Math.max(maxStallMs, performance.now() - lastMs)
      lastMs = performance.now()
    }, 5)
    const refused = order(gateway, 'second')
    // Reads need no lock.
    expect(await statusOf(gateway, taskId)).toBe('PENDING')
    expect((await refused).errors).toMatchObject(unavailable)
    clearInterval(ticks)
    expect(provider.orders).toHaveLength(1)
    // Waiting inside SQLite would block the event loop for seconds.
    expect(maxStallMs).toBeLessThan(1_000)

    other.exec('ROLLBACK')
    expect((await order(gateway, 'second')).data?.separate).toMatchObject({ reused: false })
  })
})

test('a checkpoint that fails after a deletion is logged, and the deletion stands', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stemgate-checkpoint-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = openSqliteFile(join(folder, 'stemgate.db'))
  onTestFinished(() => file.close())
  const logged: string[] = []
  const checkpoint = createCheckpoint(file, { debug: (_detail, message) => logged.push(message) })
  checkpoint()
  expect(logged).toEqual([])
  // SQLite refuses a checkpoint on a connection with an open transaction.
  file.prepare('begin').run([])
  file.prepare('create table pages (page)').run([])
  checkpoint()
  expect(logged).toEqual(['the log of the database file could not be written to it yet'])
  file.prepare('commit').run([])
})
