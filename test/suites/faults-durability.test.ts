import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, onTestFinished, test } from 'vitest'
import { orderUntilAnswered } from './faults/client.ts'
import { createGatewayProcess } from './faults/gateway-process.ts'
import { callbackOfSuccess, startPlayedProvider, type PlayedProvider } from '../support/played-provider.ts'

const strace = '/usr/bin/strace'
const hasStrace = existsSync(strace)
if (!hasStrace) console.warn(`${strace} is not there: what reaches the disk, and when, is not counted.`)

/** The system calls of the gateway in order, one per line. */
type Trace = readonly string[]

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-durability-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Sends two orders and a callback for the second; resolves to the system calls from the first order on. */
async function trace(provider: PlayedProvider, program: string, folder: string, name: string): Promise<Trace> {
  const file = join(folder, `${name}.trace`)
  const calls = 'trace=fsync,fdatasync,read,write,writev,sendto,sendmsg'
  const gateway = createGatewayProcess(
    // -D: the process that this test starts and ends is the gateway itself.
    [strace, '-D', '-f', '-y', '-s', '48', '-e', calls, '-o', file, process.execPath, program],
    {
      ...provider.environment,
      DATABASE_URL: `file:${join(folder, 'stemgate.db')}`,
      CHECK_INTERVAL_SECONDS: '1000',
      GRAPHIQL: 'false',
    },
  )
  onTestFinished(gateway.close)
  await gateway.start()
  const order = async (track: string) => {
    const audioId = `${name}-${track}`
    const input = {
      musicTaskId: 'music',
      audioId,
      type: 'SEPARATE_VOCAL',
      idempotencyKey: audioId,
      force: false,
    } as const
    const answer = await orderUntilAnswered(gateway.url, input, new AbortController().signal)
    expect(answer).toMatchObject({ kind: 'task', reused: false })
  }
  // SQLite syncs a new log at its first write in any case: only later writes count.
  await order('first')
  await order('second')
  const last = await provider.order(provider.orders.length - 1)
  const called = await provider.callBack(
    last.body.callBackUrl,
    callbackOfSuccess(`provider-task-${provider.orders.length}`),
  )
  expect(called).toBe(200)
  await gateway.kill()
  const lines = await untilEnded(file)
  return lines.slice(lines.findIndex((line) => line.includes('"POST /graphql')))
}

/** The trace, once its writer has ended. */
async function untilEnded(file: string): Promise<Trace> {
  for (;;) {
    const text = await readFile(file, 'utf8')
    if (text.includes('+++ killed by SIGKILL +++')) return text.split('\n')
    await sleep(20)
  }
}

/** How often SQLite's log was synced between the `nth` call (from 0) that matches `from` and the next that matches `to`. */
function syncsBetween(lines: Trace, from: RegExp, to: RegExp, nth: number): number {
  const starts = lines.flatMap((line, index) => (from.test(line) ? [index] : []))
  const start = starts[nth] ?? -1
  const end = lines.findIndex((line, index) => index > start && to.test(line))
  if (start < 0 || end < 0) throw new Error(`The trace has no ${String(from)} before a ${String(to)}.`)
  return lines.slice(start, end).filter((line) => /\b(fsync|fdatasync)\(\d+<[^>]*stemgate\.db-wal>/.test(line)).length
}

test.runIf(hasStrace)(
  'an order is on disk before the provider is called, and a callback before its 200, in a new and in an existing file',
  async () => {
    const folder = await newFolder()
    const program = inject('program')
    const provider = await startPlayedProvider()
    const counted = new Map<string, number[]>()
    for (const name of ['new', 'reopened']) {
      const lines = await trace(provider, program, folder, name)
      const order = /\bread\(.*"POST \/graphql/
      const ordered = /\b(write|writev|sendto|sendmsg)\(.*"POST \/api\/v1\/vocal-removal\/generate/
      const callback = /\bread\(.*"POST \/callbacks/
      const received = /\b(write|writev|sendto|sendmsg)\(.*"HTTP\/1\.1 200/
      counted.set(name, [
        syncsBetween(lines, order, ordered, 0),
        syncsBetween(lines, order, ordered, 1),
        syncsBetween(lines, callback, received, 0),
      ])
    }
    // The first order, the second order and the callback: one synced commit each.
    const atLeastOnce = expect.toSatisfy((count: number) => count >= 1)
    for (const syncs of counted.values()) expect(syncs).toEqual([atLeastOnce, atLeastOnce, atLeastOnce])
  },
  60_000,
)
