import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { canary } from '../support/canaries.ts'
import { newDatabase } from '../support/database.ts'
import { order, startGateway, untilSettled } from '../support/gateway.ts'
import { callbackOfSuccess, startPlayedProvider, type PlayedProvider } from '../support/played-provider.ts'

const [older, newer] = [`older-secret-${canary}`, `newer-secret-${canary}`]

/** Runs a gateway on this database with these secrets: it accepts an order, and callbacks at these URLs. */
async function withSecrets(
  { provider, database }: { readonly provider: PlayedProvider; readonly database: Readonly<Record<string, string>> },
  secrets: string | null,
  callbackPaths: readonly string[],
) {
  const gateway = await startGateway({
    ...provider.environment,
    ...database,
    ...(secrets === null ? {} : { CALLBACK_SECRET: secrets }),
  })
  const nth = provider.orders.length
  await order(gateway, { audioId: `audio-${nth}` })
  const { callBackUrl } = (await provider.order(nth)).body
  const callback = callbackOfSuccess('some-task')
  const statuses: number[] = []
  for (const path of callbackPaths) statuses.push(await provider.callBack(`${gateway.url}${path}`, callback))
  await gateway.close()
  return { path: new URL(callBackUrl).pathname, statuses }
}

test('a callback secret can be rotated while orders are pending, and is rejected once it is removed', async () => {
  const shared = { provider: await startPlayedProvider(), database: await newDatabase() }
  const own = (await withSecrets(shared, null, [])).path
  const first = await withSecrets(shared, older, [own])
  // The secret in the database stays accepted after the variable is set.
  expect(first.statuses).toEqual([200])
  const both = await withSecrets(shared, `${newer}, ${older}`, [own, first.path])
  expect(both.statuses).toEqual([200, 200])
  // The first of several secrets signs: an order made with both is valid with the newer one alone, and not with the older.
  const last = await withSecrets(shared, newer, [own, first.path, both.path])
  expect(last.statuses).toEqual([200, 404, 200])
  const back = await withSecrets(shared, older, [both.path, last.path, first.path])
  expect(back.statuses).toEqual([404, 404, 200])
})

describe('an order with a lost answer', () => {
  test('is checked with at most three ids at a time, even if its callbacks name more', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, READS_PER_SECOND: '1000' })
    provider.answerSubmit((response) => void response.destroy())
    provider.answerRead({ code: 200, msg: 'success', data: null })
    await order(gateway)
    const { callBackUrl } = (await provider.order(0)).body
    const startedAt = performance.now()
    for (let round = 0; round < 20; round += 1) {
      const ids = Array.from({ length: 10 }, (_, index) => `guess-${round}-${index}`)
      await Promise.all(ids.map((id) => provider.callBack(callBackUrl, callbackOfSuccess(id))))
    }
    await sleep(5_000)
    expect(provider.reads.length).toBeGreaterThan(0)
    const seconds = (performance.now() - startedAt) / 1_000
    expect(provider.reads.length).toBeLessThanOrEqual(3 * (1 + seconds))
  })

  test('is settled by its signed callback, even if others name other ids', async () => {
    const provider = await startPlayedProvider()
    const webhookKey = `webhook-key-${canary}`
    const gateway = await startGateway({ ...provider.environment, KIE_WEBHOOK_KEY: webhookKey })
    provider.answerSubmit((response) => void response.destroy())
    provider.answerRead((response) => void response.writeHead(500).end())
    const taskId = await order(gateway)
    const { callBackUrl } = (await provider.order(0)).body
    for (let round = 0; round < 3; round += 1) {
      const ids = Array.from({ length: 100 }, (_, index) => `guess-${round}-${index}`)
      await Promise.all(ids.map((id) => provider.callBack(callBackUrl, callbackOfSuccess(id))))
    }
    const timestamp = String(Math.floor(Date.now() / 1_000))
    const signature = createHmac('sha256', webhookKey).update(`paid-task.${timestamp}`).digest('base64')
    const headers = { 'x-webhook-timestamp': timestamp, 'x-webhook-signature': signature }
    expect(await provider.callBack(callBackUrl, callbackOfSuccess('paid-task'), headers)).toBe(200)
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
  }, 40_000)
})
