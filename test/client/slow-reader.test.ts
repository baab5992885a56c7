import { expect, test } from 'vitest'
import { latestOf } from '../../client/src/latest.ts'

interface State {
  readonly id: string
  readonly revision: number
}

/** A source that sends everything at once, and then stays open until it is left. */
function sourceOf(states: readonly State[]) {
  let isLeft = false
  let tell = () => {}
  const sent = new Promise<void>((resolve) => (tell = resolve))
  const all = latestOf<State>(
    async function* source(signal) {
      yield* states
      tell()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      isLeft = true
    },
    ({ id }) => id,
    undefined,
  )
  return { all, sent, isLeft: () => isLeft }
}

test('a slow reader gets the latest state of each task and none of those before', async () => {
  const states = Array.from({ length: 100 }, (_, revision) => ({ id: `task-${revision % 2}`, revision }))
  const { all, sent, isLeft } = sourceOf(states)
  expect((await all.next()).value).toEqual(states[0])
  await sent
  expect((await all.next()).value).toEqual(states[98])
  expect((await all.next()).value).toEqual(states[99])
  const waiting = all.next()
  await all.return?.()
  expect(await waiting).toEqual({ done: true, value: undefined })
  expect(await all.next()).toEqual({ done: true, value: undefined })
  expect(isLeft()).toBe(true)
})

test('nothing is opened before somebody reads', async () => {
  let opened = 0
  const all = latestOf<State>(
    async function* source() {
      opened++
      yield* []
    },
    ({ id }) => id,
    undefined,
  )
  expect(opened).toBe(0)
  expect((await all.next()).done).toBe(true)
  expect(opened).toBe(1)
})

test('a failure comes after the states before it, and once', async () => {
  const failure = new Error('cut off')
  const all = latestOf<State>(
    async function* source() {
      yield { id: 'task', revision: 1 }
      throw failure
    },
    ({ id }) => id,
    undefined,
  )
  expect((await all.next()).value).toEqual({ id: 'task', revision: 1 })
  await expect(all.next()).rejects.toBe(failure)
  expect((await all.next()).done).toBe(true)
})

/** A source that sends one state, and fails when it is stopped, as a request does. */
async function* failingWhenStopped(signal: AbortSignal): AsyncGenerator<State> {
  yield { id: 'task', revision: 1 }
  await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
}

test('a reader who has left is not told that the source was stopped', async () => {
  const all = latestOf(failingWhenStopped, ({ id }) => id, undefined)
  await all.next()
  await all.return?.()
  // The source fails now.
  await new Promise(setImmediate)
  expect(await all.next()).toEqual({ done: true, value: undefined })
})

test('an abort ends the reading at once, with its reason, even if the source does not end', async () => {
  const controller = new AbortController()
  const never = new Promise<void>(() => {})
  const all = latestOf<State>(
    async function* source() {
      yield { id: 'task', revision: 1 }
      await never
    },
    ({ id }) => id,
    controller.signal,
  )
  await all.next()
  const waiting = all.next()
  const reason = new Error('The page was closed.')
  controller.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  expect((await all.next()).done).toBe(true)
})
