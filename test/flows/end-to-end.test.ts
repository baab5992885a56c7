import { expect, test } from 'vitest'
import { ReadDocument, SeparateDocument, WatchDocument } from '../../schema/operations.ts'
import { collect, startGateway } from '../support/gateway.ts'

test('an order is separated, watched over WebSocket and answered with its stems', async () => {
  const gateway = await startGateway()

  const ordered = await gateway.send(SeparateDocument, { input: { musicTaskId: 'my-music', audioId: 'done' } })
  expect(ordered.data?.separate).toMatchObject({
    __typename: 'SeparateSuccess',
    reused: false,
    task: {
      status: 'PENDING',
      settled: false,
      charge: 'CHARGED',
      provider: 'SANDBOX',
      type: 'SEPARATE_VOCAL',
      allStems: [],
      stems: null,
    },
  })
  const { separate } = ordered.data ?? {}
  const taskId = separate?.__typename === 'SeparateSuccess' ? separate.task.id : ''

  const report = await collect(gateway.connect(), WatchDocument, { taskId })
  expect(report.at(0)?.separationUpdated?.id).toBe(taskId)
  expect(report.at(-1)?.separationUpdated).toMatchObject({
    status: 'SUCCESS',
    settled: true,
    stems: { __typename: 'VocalStems', missing: [] },
  })

  const read = await gateway.send(ReadDocument, { taskId })
  expect(read.data?.separation).toEqual(report.at(-1)?.separationUpdated)
  for (const stem of read.data?.separation?.allStems ?? []) {
    const file = await fetch(stem.url)
    expect(file.status).toBe(200)
    expect(file.headers.get('content-type')).toBe('audio/wav')
    expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(100_000)
  }
})
