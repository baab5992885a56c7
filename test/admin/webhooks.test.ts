import { expect, test } from 'vitest'
import { createCallerSecrets } from '../../src/webhooks/caller-secrets.ts'
import { adminJson, runAdmin } from '../support/admin.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, untilSettled } from '../support/gateway.ts'
import { startWebhookReceiver } from '../support/webhook-receiver.ts'

test('endpoints are listed, paused ones resumed, and messages sent again', async () => {
  const receiver = await startWebhookReceiver()
  receiver.answer((response) => response.writeHead(410).end())
  const gateway = await startGateway(receiver.environment)
  expect((await runAdmin(gateway, 'webhooks')).stdout).toBe('There is no endpoint.\n')
  const taskId = await order(gateway, { audioId: 'done', webhookUrl: `${receiver.url}/secret-in-path?token=x` })
  await untilSettled(gateway, taskId)
  const { webhooks } = await openStoreOf(gateway)
  await expect.poll(async () => (await webhooks.backlog()).pausedEndpoints, { timeout: 10_000 }).toBe(1)

  const listed = await adminJson(gateway, 'webhooks', '--owner', 'anonymous')
  const [status] = await webhooks.endpoints(null, 10)
  const id = status?.endpoint.id ?? ''
  expect(listed).toMatchObject({
    endpoints: [{ id, owner: 'anonymous', host: new URL(receiver.url).host, undelivered: 1, pausedBecause: 'gone' }],
    messages: [{ taskId, endpoint: id, failures: 1, lastAnswer: 'HTTP 410', nextAttemptAt: null }],
  })
  const { stdout } = await runAdmin(gateway, 'webhooks')
  expect(stdout).toMatch(/^ENDPOINT .*PAUSED$/m)
  expect(stdout).toContain('held')
  for (const output of [stdout, JSON.stringify(listed)]) expect(output).not.toMatch(/secret-in-path|token/)

  const heldText = 'because their endpoint is paused (see webhooks-resume): 1\n'
  const wouldBeHeld = await runAdmin(gateway, 'webhooks-replay', taskId, '--dry-run')
  expect(wouldBeHeld).toMatchObject({ code: 0, stdout: `Messages that would wait, ${heldText}` })
  const held = await runAdmin(gateway, 'webhooks-replay', taskId)
  expect(held).toMatchObject({ code: 0, stdout: `Messages that wait, ${heldText}` })

  receiver.answer((response) => response.writeHead(204).end())
  expect(await adminJson(gateway, 'webhooks-resume', id, '--dry-run')).toEqual({ isDryRun: true, messages: 1 })
  expect(receiver.received).toHaveLength(1)
  expect(await adminJson(gateway, 'webhooks-resume', id)).toEqual({ isDryRun: false, messages: 1 })
  const [first, second] = [await receiver.webhook(0), await receiver.webhook(1)]
  expect(second.id).toBe(first.id)
  await expect.poll(async () => (await webhooks.undelivered(null, 10)).length, { timeout: 10_000 }).toBe(0)

  const ofOwner = ['--owner', 'anonymous', '--since', '1h']
  expect(await adminJson(gateway, 'webhooks-replay', taskId, '--dry-run')).toEqual({
    isDryRun: true,
    messages: 1,
    held: 0,
  })
  expect(await adminJson(gateway, 'webhooks-replay', ...ofOwner)).toEqual({
    isDryRun: false,
    messages: 1,
    held: 0,
  })
  expect((await receiver.webhook(2)).data).toEqual(first.data)
  const unknown = await runAdmin(gateway, 'webhooks-replay', 'sep_unknown')
  expect(unknown).toMatchObject({ code: 1, stdout: 'There is no such task.\n' })
  expect((await runAdmin(gateway, 'webhooks-replay', taskId, ...ofOwner)).stderr).toContain('Give either a task id')
  expect((await runAdmin(gateway, 'webhooks-resume', 'whe_unknown')).stderr).toContain('There is no such endpoint')
})

test('the secret of a caller is the one that signs its webhooks', async () => {
  const gateway = await startGateway()
  const store = await openStoreOf(gateway)
  const own = await store.secret('webhooks', () => '')
  const secret = createCallerSecrets(() => [own])('key:web')[0]
  expect(await adminJson(gateway, 'webhooks-secret', 'key:web')).toEqual({ owner: 'key:web', secret })
  const withKeys = { environment: { ...gateway.environment, SANDBOX: 'true', API_KEYS: 'web:key-of-web-0123456789' } }
  const note = 'No key in the environment belongs to key:typo. Check the name.\n'
  expect((await runAdmin(withKeys, 'webhooks-secret', 'key:typo')).stderr).toBe(note)
  expect((await runAdmin(withKeys, 'webhooks-secret', 'key:web')).stderr).toBe('')
  expect((await runAdmin(gateway, 'webhooks-secret', 'web')).stderr).toContain(
    'The owner must be a caller such as key:web',
  )
})
