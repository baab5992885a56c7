import { expect, test } from 'vitest'
import { recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram, type Program } from '../support/program.ts'

const requestId = 'order-7.of-the-shop'
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`

/** The lines of the log that contain a text, as `grep` would find them, parsed. */
function linesWith(text: string, ...programs: readonly Program[]): readonly Record<string, unknown>[] {
  const lines = programs.flatMap((program) => program.stderr().split('\n'))
  return lines.filter((line) => line.includes(text)).map((line): Record<string, unknown> => JSON.parse(line))
}

function eventsOf(lines: readonly Record<string, unknown>[]): readonly unknown[] {
  return lines.map(({ event }) => event)
}

test('a task can be followed by its id through the logs, from its order over a crash to its result', async () => {
  const provider = await startPlayedProvider()
  provider.answerSubmit((response) => response.destroy())
  const environment = {
    ...provider.environment,
    DATABASE_URL: await newDatabaseUrl(),
    CHECK_INTERVAL_SECONDS: '1',
    LOG_INSTANCE: 'before-the-crash',
  }
  const before = startProgram(environment)
  const response = await fetch(`${await before.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': requestId, traceparent },
    body: JSON.stringify({
      query:
        'mutation { separate(input: { musicTaskId: "m", audioId: "a", reference: "Ann Example" }) { ... on SeparateSuccess { task { id } } } }',
    }),
  })
  const answer: { readonly data: { readonly separate: { readonly task: { readonly id: string } } } } = JSON.parse(
    await response.text(),
  )
  const taskId = answer.data.separate.task.id
  expect(response.headers.get('x-request-id')).toBe(requestId)
  expect(response.headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))

  const { headers, body } = await provider.order(0)
  const ofTheOrder = { 'x-request-id': requestId, traceparent: expect.stringContaining(traceId) }
  expect(headers).toMatchObject(ofTheOrder)
  const pending = { successFlag: 'PENDING', response: null, completeTime: null, callbackUrl: body.callBackUrl }
  provider.answerRead(recordOfSuccess('provider-task-1', pending))
  // A failure that only a callback reports settles nothing yet.
  const called = { code: 500, msg: 'Internal Error', data: { task_id: 'provider-task-1', vocal_separation_info: null } }
  expect(await provider.callBack(body.callBackUrl, called, { 'x-request-id': 'callback-1' })).toBe(200)
  await expect.poll(() => eventsOf(linesWith(taskId, before)), { timeout: 20_000 }).toContain('task.accepted')
  before.signal('SIGKILL')
  await before.exit

  provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))
  const after = startProgram({ ...environment, LOG_INSTANCE: 'after-the-crash' })
  await expect.poll(() => eventsOf(linesWith(taskId, after)), { timeout: 20_000 }).toContain('task.succeeded')

  const lines = linesWith(taskId, before, after)
  const [first, second, info, warn] = ['before-the-crash', 'after-the-crash', 30, 40]
  expect(lines).toMatchObject([
    { event: 'task.ordered', level: info, by: 'caller', from: null, to: 'SENDING', charge: 'MAYBE', instance: first },
    { event: 'task.unanswered', level: warn, by: 'submit', from: 'SENDING', to: 'UNCONFIRMED', charge: 'MAYBE' },
    { event: 'callback.saved', level: info, byRequestId: 'callback-1', isSigned: false },
    { event: 'task.accepted', level: info, by: 'check', from: 'UNCONFIRMED', to: 'PROCESSING', charge: 'CHARGED' },
    {
      event: 'task.succeeded',
      level: info,
      by: 'check',
      from: 'PROCESSING',
      to: 'SUCCESS',
      instance: second,
      stems: 2,
    },
  ])
  const common = { taskId, provider: 'kie', owner: 'anonymous', requestId, traceId, ageMs: expect.any(Number) }
  for (const line of lines) expect(line).toMatchObject({ ...common, service: 'stemgate', version: expect.any(String) })
  expect(lines.map(({ revision }) => revision)).toEqual([1, 2, 2, 3, 4])
  expect(linesWith(traceId, before, after)).toEqual(lines)
  expect(before.stderr() + after.stderr()).not.toMatch(/Ann Example|files\.example/)
})
