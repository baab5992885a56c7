import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StemgateError } from '../../client/src/errors.ts'
import { backoffMs, withRetries } from '../../client/src/retry.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Fails the first times; says when it was called, in seconds since the first call. */
function failing(times: number, error: Error) {
  const startedAt = Date.now()
  const calledAt: number[] = []
  const call = async () => {
    calledAt.push((Date.now() - startedAt) / 1_000)
    if (calledAt.length <= times) throw error
    return 'done'
  }
  return { call, calledAt }
}

async function resultOf(call: Promise<unknown>): Promise<unknown> {
  const result = call.catch((error: unknown) => error)
  await vi.runAllTimersAsync()
  return result
}

const lost = new StemgateError('UNREACHABLE', 'lost', { retryable: true })

test('a call whose answer was lost is repeated, after longer and longer times', async () => {
  const { call, calledAt } = failing(5, lost)
  expect(await resultOf(withRetries(undefined, call))).toBe('done')
  expect(calledAt).toHaveLength(6)
  const waits = calledAt.slice(1).map((at, nth) => at - (calledAt[nth] ?? 0))
  waits.forEach((seconds, nth) => {
    expect(seconds).toBeGreaterThanOrEqual(0.25 * 2 ** nth)
    expect(seconds).toBeLessThanOrEqual(0.5 * 2 ** nth + 0.01)
  })
})

test('a call that fails every time is given up within 16 seconds', async () => {
  const { call, calledAt } = failing(100, lost)
  expect(await resultOf(withRetries(undefined, call))).toBe(lost)
  expect(calledAt).toHaveLength(6)
  expect(calledAt.at(-1)).toBeLessThan(16)
})

test('a call waits for as long as the gateway says, if that is at most a minute', async () => {
  const limited = (retryAfterSeconds: number) =>
    new StemgateError('RATE_LIMITED', 'too many', { retryable: true, retryAfterSeconds })
  const { call, calledAt } = failing(1, limited(60))
  expect(await resultOf(withRetries(undefined, call))).toBe('done')
  expect(calledAt[1]).toBeCloseTo(60, 0)
  const late = failing(1, limited(61))
  expect(await resultOf(withRetries(undefined, late.call))).toMatchObject({ retryAfterSeconds: 61 })
  expect(late.calledAt).toHaveLength(1)
})

test('an error that will not pass is not tried again', async () => {
  for (const error of [new StemgateError('BAD_USER_INPUT', 'no'), new TypeError('a bug')]) {
    const { call, calledAt } = failing(1, error)
    expect(await resultOf(withRetries(undefined, call))).toBe(error)
    expect(calledAt).toHaveLength(1)
  }
})

test('a subscription is opened again after a minute at most, whatever a proxy asks for', () => {
  for (const retryAfterSeconds of [61, 86_400, 1e12]) {
    const error = new StemgateError('UNREACHABLE', 'maintenance', { retryable: true, retryAfterSeconds })
    expect(backoffMs(0, error)).toBe(60_000)
  }
})
