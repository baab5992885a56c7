import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createCallerSecrets } from '../../src/webhooks/caller-secrets.ts'
import { createMessageBody } from '../../src/webhooks/message-body.ts'
import { canary } from '../support/canaries.ts'
import { freePort } from '../support/free-port.ts'
import { order, startGateway } from '../support/gateway.ts'
import { succeededTask } from '../support/tasks.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
const guide = await readFile(join(project, 'docs/webhooks.md'), 'utf8')
const run = promisify(execFile)
const [, code = ''] = /^```ts\n\/\/ receiver\.ts\n([^]*?)^```$/m.exec(guide) ?? []
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(await realpath(tmpdir()), 'stemgate-webhooks-'))
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(join(folder, 'receiver.ts'), code)
  return () => rm(folder, { recursive: true })
})

test('the receiver of the guide compiles', async () => {
  const options = ['--strict', '--noEmit', '--skipLibCheck', '--types', 'node', '--target', 'es2023']
  const tsc = join(project, 'node_modules/typescript/bin/tsc')
  const { stdout } = await run(
    process.execPath,
    [tsc, ...options, '--module', 'esnext', '--moduleResolution', 'bundler', 'receiver.ts'],
    { cwd: folder },
  ).catch((error: { stdout: string }) => error)
  expect(stdout).toBe('')
})

test('the receiver of the guide takes what the gateway sends, and nothing else', async () => {
  const webhookSecret = `webhook-secret-${canary}`
  const port = await freePort()
  const receiver = spawn(process.execPath, ['--import', 'tsx', 'receiver.ts'], {
    cwd: folder,
    env: {
      ...process.env,
      PORT: String(port),
      WEBHOOK_SIGNING_SECRET: createCallerSecrets(() => [webhookSecret])('anonymous')[0],
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void receiver.kill())
  let said = ''
  receiver.stdout.on('data', (data) => (said += String(data)))
  const until = async (pattern: RegExp) => {
    await expect.poll(() => said, { timeout: 20_000 }).toMatch(pattern)
  }
  await until(/listening/)
  const webhookUrl = `http://127.0.0.1:${port}/stems`
  const forged = { 'webhook-id': 'msg_1', 'webhook-timestamp': '1', 'webhook-signature': 'v1,AAAA' }
  expect((await fetch(webhookUrl, { method: 'POST', body: '{}', headers: forged })).status).toBe(400)

  const gateway = await startGateway({ WEBHOOK_SECRET: webhookSecret, WEBHOOK_HOSTS_ALLOWED: '127.0.0.1' })
  const taskId = await order(gateway, { audioId: 'done', webhookUrl })
  await until(/SUCCESS/)
  expect(said).toBe(`listening\n${taskId} SUCCESS VOCAL INSTRUMENTAL\n`)
})

test('the message in the guide has the fields of a message', () => {
  const [, example = ''] = /^```json\n([^]*?)^```$/m.exec(guide) ?? []
  const bodyOf = createMessageBody({ stemUrlOf: () => 'https://stemgate.example.com/stems/…' })
  const content = { kind: 'task', task: succeededTask() } as const
  const sent: unknown = JSON.parse(bodyOf({ type: 'separation.settled', createdAtMs: 0, content }))
  const shapeOf = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shapeOf(each)]))
      : null
  expect(shapeOf(sent)).toEqual(shapeOf(JSON.parse(example)))
})
