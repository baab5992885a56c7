import { describe, expect, test } from 'vitest'
import { encodeToneAsMp3 } from '../../src/sandbox/song/mp3.ts'
import { encodeWav } from '../../src/sandbox/song/wav.ts'
import { newDatabase, openStoreOf } from '../support/database.ts'
import { chunkedFile, plainFile, rangedFile, startFileServer, type ServeFile } from '../support/file-server.ts'
import { startGateway, type Result } from '../support/gateway.ts'
import { startProgram } from '../support/program.ts'
import { storeTaskOf } from '../support/stem-link.ts'
import { stem, succeededTask } from '../support/tasks.ts'
import { post } from '../support/transports.ts'

const query =
  'query ($id: ID!, $n: Int!) { separation(taskId: $id) { allStems { peaks(buckets: $n) durationSeconds } } }'

interface Read {
  readonly peaks: readonly number[] | null
  readonly durationSeconds: number | null
}

async function start(serve: ServeFile) {
  const files = await startFileServer(serve)
  const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host })
  const task = await storeTaskOf(gateway, `${files.url}/1.mp3`)
  const ask = async (n: number, at = gateway) => {
    const { data, errors } = await at.ask(query, { id: task.id, n })
    const separation = data?.['separation'] as { allStems: readonly (Read | null)[] } | undefined
    return { read: separation?.allStems[0], errors }
  }
  return { files, gateway, task, ask }
}

/** Silence, then twice as loud at each step. */
const steps = [0, 0.25, 0.5, 1]
const wav = encodeWav(
  Int16Array.from({ length: 40_000 }, (_, at) => {
    const level = steps[Math.floor(at / 10_000)] ?? 0
    return Math.round(32_767 * level * (at % 2 === 0 ? 1 : -1))
  }),
  20_000,
)
const mp3 = encodeToneAsMp3(
  Array.from({ length: 400 }, (_, at) => steps[Math.floor(at / 100)] ?? 0),
  12,
)

/** The loudest of each quarter, away from its ends. */
function quartersOf(peaks: readonly number[]): readonly number[] {
  return steps.map((_, quarter) => {
    const from = Math.floor(((quarter + 0.2) * peaks.length) / steps.length)
    return Math.max(...peaks.slice(from, from + Math.floor((0.6 * peaks.length) / steps.length)))
  })
}

describe.each([
  ['WAV', wav, 2],
  ['MP3', mp3, (400 * 576) / 44_100],
])('the waveform of %s', (_format, bytes, seconds) => {
  test.each([100, 101, 1_000, 4_000])('has %d buckets with the shape of the audio', async (n) => {
    const { ask } = await start(plainFile(bytes))
    const { read, errors } = await ask(n)
    expect(errors).toBeUndefined()
    expect(read?.peaks).toHaveLength(n)
    for (const [quarter, peak] of quartersOf(read?.peaks ?? []).entries()) {
      expect(peak).toBeGreaterThan((steps[quarter] ?? 0) * 0.9 - 0.01)
      expect(peak).toBeLessThan((steps[quarter] ?? 0) * 1.1 + 0.01)
    }
    const again = await ask(n)
    expect(again.read?.durationSeconds).toBeGreaterThan(seconds - 0.1)
    expect(again.read?.durationSeconds).toBeLessThan(seconds + 0.1)
  })
})

test('a file is decoded once, however many ask, and by all gateways together', async () => {
  const { files, gateway, ask } = await start(chunkedFile(mp3))
  const answers = await Promise.all([100, 100, 200, 400, 4_000].map((n) => ask(n)))
  for (const { errors } of answers) expect(errors).toBeUndefined()
  expect(files.requests).toHaveLength(1)
  const other = await startGateway({ ...gateway.environment, PORT: '0' })
  expect((await ask(100, other)).read?.peaks).toEqual(answers[0]?.read?.peaks)
  expect(files.requests).toHaveLength(1)
})

test.each([
  ['an MP3 that is none', Buffer.concat([Buffer.from('ID3'), Buffer.alloc(20_000)])],
  ['a format that is not decoded', Buffer.concat([Buffer.from('OggS'), Buffer.alloc(5_000)])],
  ['a WAV file without data', wav.subarray(0, 30)],
  ['a WAV file of another kind', Buffer.from(wav).fill(7, 20, 22)],
  ['an empty file', Buffer.alloc(0)],
])('%s has no waveform, and is not read again', async (_name, bytes) => {
  const { files, ask } = await start(rangedFile(bytes))
  for (let nth = 0; nth < 2; nth++) expect(await ask(100)).toEqual({ read: { peaks: null, durationSeconds: null } })
  expect(files.requests).toHaveLength(1)
})

test('a file that cannot be read is an error, and is read when it can be', async () => {
  let isBroken = true
  const { ask } = await start((request, response) => {
    if (!isBroken) return plainFile(mp3)(request, response)
    response.writeHead(200, { 'content-length': mp3.length })
    response.write(mp3.subarray(0, 2_000), () => response.destroy())
  })
  expect((await ask(100)).errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
  isBroken = false
  expect((await ask(100)).read?.peaks).toHaveLength(100)
})

test.each([-1, 0, 99, 4_001])('%d buckets are an error', async (n) => {
  const { files, ask } = await start(plainFile(mp3))
  expect((await ask(n)).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
  expect(files.requests).toHaveLength(0)
})

test('the built program decodes as well', async () => {
  const files = await startFileServer(plainFile(mp3))
  const environment = { ...(await newDatabase()), STEM_HOSTS_ALLOWED: files.host, SANDBOX: 'true' }
  const store = await openStoreOf({ environment })
  const url = { value: `${files.url}/1.mp3`, by: 'record-info', atMs: Date.UTC(2030, 0, 1) } as const
  const task = succeededTask({ stems: [stem('vocal', { url })] })
  await store.adopt(task, null)
  const program = startProgram(environment)
  const response = await post(await program.url, { query, variables: { id: task.id, n: 100 } }, 'application/json')
  const { data, errors }: Result<{ separation: { allStems: readonly Read[] } }> = JSON.parse(await response.text())
  expect(errors).toBeUndefined()
  expect(data?.separation.allStems[0]?.peaks).toHaveLength(100)
})
