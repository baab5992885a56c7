import { onTestFinished, expect, test } from 'vitest'
import { order, startGateway, untilSettled } from '../support/gateway.ts'
import { startPlayedProvider } from '../support/played-provider.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const pending = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }

/** A gateway with the default times, on a clock that the test moves forward. */
async function start() {
  const provider = await startPlayedProvider()
  let aheadMs = 0
  const clock = { nowMs: () => Date.now() + aheadMs }
  const gateway = await startGateway(provider.environment, onTestFinished, {}, { clock })
  provider.answerRead(pending)
  return { provider, gateway, advance: (ms: number) => void (aheadMs += ms) }
}

test('a task without a result fails as NO_RESULT after 24 hours', async () => {
  const { gateway, advance } = await start()
  const taskId = await order(gateway)
  advance(24 * hourMs)
  expect(await untilSettled(gateway, taskId)).toMatchObject({
    status: 'GENERATE_AUDIO_FAILED',
    failure: { code: 'NO_RESULT' },
    charge: 'CHARGED',
  })
})

test('an order without an answer or a callback fails as SUBMISSION_UNCONFIRMED after an hour', async () => {
  const { provider, gateway, advance } = await start()
  provider.answerSubmit((response) => void response.destroy())
  const taskId = await order(gateway)
  advance(hourMs)
  expect(await untilSettled(gateway, taskId)).toMatchObject({
    status: 'CREATE_TASK_FAILED',
    failure: { code: 'SUBMISSION_UNCONFIRMED' },
    charge: 'MAYBE',
  })
})

test('a failure that only a callback reports counts after 15 minutes', async () => {
  const { provider, gateway, advance } = await start()
  const taskId = await order(gateway)
  const { body } = await provider.order(0)
  const failure = { code: 500, msg: 'no', data: { task_id: 'provider-task-1', vocal_separation_info: null } }
  expect(await provider.callBack(body.callBackUrl, failure)).toBe(200)
  advance(15 * minuteMs)
  expect(await untilSettled(gateway, taskId)).toMatchObject({
    status: 'GENERATE_AUDIO_FAILED',
    failure: { code: 'GENERATION_FAILED' },
  })
})
