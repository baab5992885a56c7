import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { groupsOf } from '../../src/runtime/groups-of.ts'
import { createChangePoll } from '../../src/separation/read/change-poll.ts'

/** A poll whose world the test changes. */
function startPoll() {
  const world = { hearsOthers: false, commits: null as number | null, errors: 0 }
  const log = { debug() {}, info() {}, warn() {}, error: () => void (world.errors += 1) }
  const poll = createChangePoll({
    reader: { foreignCommits: async () => world.commits },
    changes: { hearsOthers: async () => world.hearsOthers },
    random: () => 0.999,
    log,
  })
  return { world, poll }
}

describe('a poll for changes', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('reads each second, and not at all once nobody watches', async () => {
    const { poll } = startPoll()
    const read = vi.fn<() => Promise<void>>(async () => {})
    const leave = poll.join(read)
    await vi.advanceTimersByTimeAsync(10_050)
    expect(read).toHaveBeenCalledTimes(10)
    leave()
    expect(vi.getTimerCount()).toBe(0)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(read).toHaveBeenCalledTimes(10)
    poll.join(read)
    await vi.advanceTimersByTimeAsync(1_050)
    expect(read).toHaveBeenCalledTimes(11)
  })

  test('reads every 30 seconds while other gateways are heard, and each second as soon as they are not', async () => {
    const { poll, world } = startPoll()
    const read = vi.fn<() => Promise<void>>(async () => {})
    world.hearsOthers = true
    poll.join(read)
    await vi.advanceTimersByTimeAsync(95_000)
    expect(read).toHaveBeenCalledTimes(4)
    world.hearsOthers = false
    await vi.advanceTimersByTimeAsync(5_050)
    expect(read).toHaveBeenCalledTimes(9)
  })

  test('waits for a slow database, and reads once a second again when it answers', async () => {
    const { poll } = startPoll()
    let answer = () => {}
    const read = vi.fn<() => Promise<void>>(() => new Promise<void>((resolve) => (answer = resolve)))
    poll.join(read)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(read).toHaveBeenCalledTimes(1)
    answer()
    await vi.advanceTimersByTimeAsync(1_050)
    expect(read).toHaveBeenCalledTimes(2)
  })

  test('goes on after an outage of the store, and logs nothing of it', async () => {
    const { poll, world } = startPoll()
    const read = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new StoreUnavailableError('It is down.'))
    read.mockResolvedValue()
    poll.join(read)
    await vi.advanceTimersByTimeAsync(2_050)
    expect(read).toHaveBeenCalledTimes(2)
    expect(world.errors).toBe(0)
  })

  test('reads a file only after another process has committed, and again if that read failed', async () => {
    const { poll, world } = startPoll()
    const read = vi.fn<() => Promise<void>>().mockResolvedValue()
    world.commits = 1
    poll.join(read)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(read).toHaveBeenCalledTimes(1)
    world.commits = 2
    read.mockRejectedValueOnce(new StoreUnavailableError('It is down.'))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(read).toHaveBeenCalledTimes(3)
  })
})

test('groups contain every item once, and none is too large', () => {
  expect([...groupsOf([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]])
  expect([...groupsOf([], 2)]).toEqual([])
})
