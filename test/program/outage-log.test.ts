import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from '@photostructure/sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { SeparateDocument } from '../../schema/operations.ts'
import { createOutageLog } from '../../src/runtime/outage-log.ts'
import { order, startGateway, type TestGateway } from '../support/gateway.ts'
import { callbackOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { newDatabaseUrl } from '../support/program.ts'

/** The lines of outages, parsed. */
function linesOf({ logged }: TestGateway): readonly Record<string, unknown>[] {
  return logged.map((line) => JSON.parse(line)).filter(({ event }) => String(event).startsWith('outage.'))
}

function messagesOf(gateway: TestGateway): readonly string[] {
  return linesOf(gateway).map(({ message }) => String(message))
}

function outagesOf(gateway: TestGateway): readonly string[] {
  return linesOf(gateway).map(({ event, outage }) => `${String(event)} ${String(outage)}`)
}

async function orderAnyway(gateway: TestGateway, audioId: string): Promise<void> {
  await gateway.send(SeparateDocument, { input: { musicTaskId: 'music', audioId } })
}

test('an unavailable store is logged once with its first error, and once when it is available again', async () => {
  const databaseUrl = await newDatabaseUrl()
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, DATABASE_URL: databaseUrl })
  await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const other = new DatabaseSync(databaseUrl.replace('file:', ''))
  onTestFinished(() => other.close())
  other.exec('BEGIN IMMEDIATE')
  await Promise.all(Array.from({ length: 20 }, (_, index) => orderAnyway(gateway, `refused-${index}`)))
  expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(503)
  await expect.poll(async () => (await fetch(`${gateway.url}/health/ready`)).status, { timeout: 5_000 }).toBe(503)
  const outage = linesOf(gateway)
  expect(outage.map(({ message }) => message)).toEqual([expect.stringMatching(/^the database is unavailable/)])
  expect(String(outage[0]?.['err'])).toContain('database is locked')

  other.exec('ROLLBACK')
  // Reads succeed during the outage and must not end it.
  await expect
    .poll(
      async () => {
        await gateway.ask('{ separations { edges { node { id } } } }')
        return messagesOf(gateway)
      },
      { timeout: 15_000, interval: 200 },
    )
    .toEqual([expect.stringMatching(/^the database is unavailable/), 'the database is available again'])
  expect(linesOf(gateway).at(-1)).toMatchObject({ level: 'info', failures: expect.any(Number) })
})

test('short locks by another process are no outage', async () => {
  const databaseUrl = await newDatabaseUrl()
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    DATABASE_URL: databaseUrl,
    CHECK_INTERVAL_SECONDS: '0.1',
  })
  await order(gateway)
  const other = new DatabaseSync(databaseUrl.replace('file:', ''))
  onTestFinished(() => other.close())
  for (let i = 0; i < 10; i++) {
    // As move-store does when it opens and closes the file. The checker leases due tasks every 25 ms.
    await expect.poll(() => other.exec('BEGIN IMMEDIATE'), { interval: 5 }).toBeUndefined()
    await sleep(100)
    other.exec('ROLLBACK')
    await sleep(50)
  }
  expect(messagesOf(gateway)).toEqual([])
})

test('a rejected API key is logged once for orders and once for checks', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1' })
  await order(gateway)
  provider.answerRead({ code: 401, msg: 'You do not have access permissions' })
  provider.answerSubmit({ code: 401, msg: 'You do not have access permissions' })
  for (let i = 0; i < 20; i++) await orderAnyway(gateway, `refused-${i}`)
  await provider.readTimes(provider.reads.length + 10)
  expect(messagesOf(gateway).toSorted()).toEqual([
    expect.stringMatching(/does not accept the API key/),
    expect.stringMatching(/refuses the orders/),
  ])
})

test('an unreachable provider is logged once, and once when it is reachable again', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1' })
  await order(gateway)
  await provider.die()
  for (let i = 0; i < 4; i++) await orderAnyway(gateway, `refused-${i}`)
  // Checks of due tasks fail as well.
  await sleep(1_000)
  expect(messagesOf(gateway)).toEqual(['the provider cannot be reached'])
  await provider.revive()
  await expect
    .poll(() => messagesOf(gateway), { timeout: 15_000 })
    .toEqual(['the provider cannot be reached', 'the provider can be reached again'])
})

test('a provider that answers with error pages is logged for checks and for orders', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1' })
  await order(gateway)
  const sendErrorPage = (response: ServerResponse) => void response.writeHead(502).end('<h1>Bad gateway</h1>')
  provider.answerRead(sendErrorPage)
  await provider.readTimes(provider.reads.length + 5)
  expect(outagesOf(gateway)).toEqual(['outage.began checks-inconclusive'])
  provider.answerSubmit(sendErrorPage)
  for (let i = 0; i < 6; i++) await orderAnyway(gateway, `lost-${i}`)
  expect(outagesOf(gateway)).toEqual(['outage.began checks-inconclusive', 'outage.began orders-paused'])
  provider.answerRead({ code: 200, msg: 'success', data: null })
  await expect.poll(() => outagesOf(gateway), { timeout: 15_000 }).toContain('outage.ended checks-inconclusive')
})

test('callbacks with an invalid signature are an outage, and each one is logged', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, KIE_WEBHOOK_KEY: 'webhook-key' })
  await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const now = String(Math.floor(Date.now() / 1_000))
  const forged = { 'x-webhook-timestamp': now, 'x-webhook-signature': 'forged' }
  for (let i = 0; i < 10; i++) {
    expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'), forged)).toBe(200)
  }
  expect(messagesOf(gateway)).toEqual([expect.stringMatching(/^callbacks are not trusted/)])
  const each = gateway.logged.filter(
    (line) => line.includes('the signature is wrong') && line.includes('callback.saved'),
  )
  expect(each).toHaveLength(10)
})

test('an unavailable JWKS endpoint is logged once', async () => {
  const server = createServer((_request, response) => void response.writeHead(500).end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  const gateway = await startGateway({
    JWT_JWKS_URL: `http://127.0.0.1:${address.port}/keys`,
    JWT_ISSUER: 'issuer',
    JWT_AUDIENCE: 'stems',
  })
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = `${part({ alg: 'RS256', kid: 'unknown' })}.${part({ sub: 'somebody', exp: 9_999_999_999 })}.c2ln`
  // The gateway asks the issuer again after each second.
  for (let i = 0; i < 12; i++) {
    const response = await fetch(`${gateway.url}/graphql?query={__typename}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(response.status).toBe(503)
    await sleep(200)
  }
  expect(messagesOf(gateway)).toEqual(['the keys of JWT_JWKS_URL are unavailable'])
})

test('a lasting outage is logged again with a count, and intermittent failures are one outage', async () => {
  const lines: { readonly level: string; readonly detail: object; readonly message: string }[] = []
  const write = (level: string) => (detail: object, message: string) => void lines.push({ level, detail, message })
  const outage = createOutageLog({
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    level: 'warn',
    downMessage: 'it is down',
    upMessage: 'it is up',
    detail: { name: 'it' },
    quietMs: 300,
    reminderIntervalMs: 150,
  })
  outage.worked()
  expect(lines).toEqual([])
  for (let i = 0; i < 10; i++) {
    outage.failed({ cause: `failure ${i}` })
    outage.worked()
    await sleep(20)
  }
  expect(lines[0]).toEqual({
    level: 'warn',
    detail: { event: 'outage.began', name: 'it', cause: 'failure 0' },
    message: 'it is down',
  })
  const reminders = lines.slice(1)
  expect(reminders.length).toBeGreaterThanOrEqual(1)
  expect(reminders.length).toBeLessThan(5)
  for (const { message, detail } of reminders) {
    expect(message).toBe('still failing: it is down')
    expect(detail).toMatchObject({
      event: 'outage.lasts',
      name: 'it',
      failures: expect.any(Number),
      seconds: expect.any(Number),
    })
  }
  await expect.poll(() => lines.at(-1)?.message, { timeout: 5_000 }).toBe('it is up')
  expect(lines.at(-1)).toMatchObject({ level: 'info', detail: { event: 'outage.ended', failures: 10 } })
  expect(outage.isDown()).toBe(false)
})
