import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { SeparateDocument } from '../../schema/operations.ts'
import { testTracks } from '../../src/sandbox/test-tracks.ts'
import { order, startGateway, untilSettled } from '../support/gateway.ts'

/** The result of each test track: the status of the task, or the type of the refusal. */
const outcomes: Readonly<Record<string, string>> = {
  done: 'SUCCESS',
  slow: 'SUCCESS',
  silent: 'SUCCESS',
  doubled: 'SUCCESS',
  'failed-creation': 'CREATE_TASK_FAILED',
  'failed-generation': 'GENERATE_AUDIO_FAILED',
  'exception-with-audio': 'SUCCESS',
  'empty-stems': 'SUCCESS',
  'late-stems': 'SUCCESS',
  'no-credits': 'InsufficientCreditsError',
  'rate-limited': 'RateLimitedError',
  maintenance: 'ProviderUnavailableError',
  'hanging-answer': 'SUCCESS',
  'lost-answer': 'SUCCESS',
  'no-cors': 'SUCCESS',
  bare: 'SUCCESS',
  expired: 'SUCCESS',
  'slow-files': 'SUCCESS',
}
const isRefusal = (audioId: string) => outcomes[audioId]?.endsWith('Error') === true
/** Without a callback, the id of an order with a lost answer stays unknown. */
const needsCallback = new Set(['hanging-answer', 'lost-answer'])

const quick = { CHECK_INTERVAL_SECONDS: '0.2', READS_PER_SECOND: '100', SUBMIT_TIMEOUT_SECONDS: '1' }
const timings = { emptyGraceMs: 500 }

describe.each([
  ['with callbacks', quick],
  // Nothing listens there.
  ['without callbacks', { ...quick, PUBLIC_URL: 'http://127.0.0.1:9' }],
])('a test track ends as documented, %s', (name, environment) => {
  const reachable = testTracks.filter(({ audioId }) => name === 'with callbacks' || !needsCallback.has(audioId))

  test.each(reachable.filter(({ audioId }) => !isRefusal(audioId)))('$audioId', async ({ audioId }) => {
    const gateway = await startGateway(environment, undefined, timings)
    const last = await untilSettled(gateway, await order(gateway, { audioId }))
    expect(last).toMatchObject({ status: outcomes[audioId], charge: 'CHARGED' })
    expect(last.allStems).toHaveLength(last.status === 'SUCCESS' && audioId !== 'empty-stems' ? 2 : 0)
  })
})

test.each(testTracks.filter(({ audioId }) => isRefusal(audioId)))('$audioId is refused', async ({ audioId }) => {
  const gateway = await startGateway()
  const { data } = await gateway.send(SeparateDocument, { input: { musicTaskId: 'music', audioId } })
  expect(data?.separate).toMatchObject({ __typename: outcomes[audioId] })
})

test('docs/frontend.md lists every test track, with its outcome unless it is a plain success', async () => {
  const table = await readFile(new URL('../../docs/frontend.md', import.meta.url), 'utf8')
  const rows = new Map(
    [...table.matchAll(/^\| `([\w-]+)`\s*\|(.*)\|$/gm)].map(([, audioId = '', text = '']) => [audioId, text]),
  )
  expect(testTracks.map(({ audioId }) => audioId).filter((audioId) => !rows.has(audioId))).toEqual([])
  for (const [audioId, outcome] of Object.entries(outcomes)) {
    if (outcome !== 'SUCCESS') expect(rows.get(audioId)).toContain(outcome)
  }
})
