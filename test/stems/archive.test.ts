import { stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  filesIn,
  newFolderArchive,
  oggBytes,
  readFiles,
  storeNewTask,
  untilArchived,
  type TestArchive,
} from '../support/archive.ts'
import { startFileServer, chunkedFile, rangedFile, type ServeFile } from '../support/file-server.ts'
import { recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { storeTaskOf } from '../support/stem-link.ts'
import { stem } from '../support/tasks.ts'
import { SeparateDocument } from '../../schema/operations.ts'
import { startS3Server } from '../support/s3-server.ts'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'

const bytes = oggBytes(10_000)
const dayMs = 24 * 60 * 60_000
const soon = { timeout: 30_000, interval: 50 }

interface Started {
  readonly gateway: TestGateway
  readonly archive: TestArchive
  readonly files: Awaited<ReturnType<typeof startFileServer>>
  /** Moves the gateway's clock forward. */
  advance(ms: number): void
  /** Changes how the provider serves its files. */
  serve(how: ServeFile): void
}

const gone: ServeFile = (_request, response) => void response.writeHead(410).end()

/** A gateway that archives, with a provider's file server. */
async function start(
  newArchive: () => Promise<TestArchive>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const archive = await newArchive()
  let how = rangedFile(bytes)
  const files = await startFileServer((request, response) => how(request, response))
  let aheadMs = 0
  const clock = { nowMs: () => Date.now() + aheadMs }
  const gateway = await startGateway(
    { STEM_HOSTS_ALLOWED: files.host, CHECK_INTERVAL_SECONDS: '0.2', ...archive.environment, ...environment },
    onTestFinished,
    { archiveRetryMs: 50 },
    { clock },
  )
  return { gateway, archive, files, advance: (ms) => void (aheadMs += ms), serve: (next) => void (how = next) }
}

async function bodyOf(url: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(url, { headers })
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
}

describe.each<readonly [string, () => Promise<TestArchive>]>([
  ['a folder', newFolderArchive],
  ['a bucket', startS3Server],
])('an archive in %s', (_kind, newArchive) => {
  test('has a copy of every stem, whose link is the same and works when the provider has nothing any more', async () => {
    const { gateway, archive, files, advance, serve } = await start(newArchive)
    const { id } = await storeNewTask(gateway, {
      vocal: `${files.url}/vocal.mp3`,
      instrumental: `${files.url}/other.mp3`,
    })
    const links = (await readFiles(gateway, id)).allStems.map(({ url }) => url)
    const archived = await untilArchived(gateway, id)
    expect(archived).toMatchObject({ filesAvailable: true, expiresAt: null, allStems: [{ expiresAt: null }, {}] })
    expect(archived.allStems.map(({ url }) => url)).toEqual(links)
    expect(files.requests).toHaveLength(2)

    serve(gone)
    advance(15 * dayMs)
    for (const link of links) {
      const { status, headers, body } = await bodyOf(link)
      expect([status, headers.get('content-type'), headers.get('content-length')]).toEqual([200, 'audio/ogg', '10000'])
      expect(body.equals(bytes)).toBe(true)
    }
    expect(await readFiles(gateway, id)).toMatchObject({ filesAvailable: true, expiresAt: null })
    expect(files.requests).toHaveLength(2)
    // Both stems have the same bytes.
    expect(await archive.keys()).toHaveLength(1)
  })

  test('serves ranges and says when a file has not changed', async () => {
    const { gateway, files } = await start(newArchive)
    const { id } = await storeNewTask(gateway, { vocal: `${files.url}/vocal.mp3` })
    const [shown] = (await untilArchived(gateway, id)).allStems
    const link = shown?.url ?? ''
    const whole = await bodyOf(link)
    const etag = whole.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    for (const [range, from, to] of [
      ['bytes=0-99', 0, 100],
      ['bytes=9000-', 9_000, 10_000],
      ['bytes=-500', 9_500, 10_000],
      ['bytes=9990-20000', 9_990, 10_000],
    ] as const) {
      const part = await bodyOf(link, { range, 'if-range': etag })
      expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes ${from}-${to - 1}/10000`])
      expect(part.body.equals(bytes.subarray(from, to))).toBe(true)
    }
    expect((await bodyOf(link, { range: 'bytes=10000-' })).status).toBe(416)
    expect((await bodyOf(link, { 'if-none-match': etag })).status).toBe(304)
    const head = await fetch(link, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([200, '10000', etag])
  })

  test('knows the size, the format and the waveform of what it has copied', async () => {
    const { gateway } = await start(newArchive)
    const { id } = await untilSettled(gateway, await order(gateway, { audioId: 'done' }))
    await untilArchived(gateway, id)
    const query = `query ($id: ID!) { separation(taskId: $id) { allStems { sizeBytes format peaks(buckets: 100) } } }`
    const { data } = await gateway.ask(query, { id })
    const separation = data?.['separation'] as { allStems: { peaks: number[] }[] } | undefined
    const allStems = separation?.allStems ?? []
    expect(allStems).toMatchObject([
      { sizeBytes: expect.any(Number), format: 'WAV' },
      { sizeBytes: expect.any(Number), format: 'WAV' },
    ])
    expect(allStems.map(({ peaks }) => Math.max(...peaks) > 0)).toEqual([true, true])
  })

  test.each<readonly [string, ServeFile]>([
    [
      'breaks off',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': bytes.length })
        response.write(bytes.subarray(0, 5_000), () => response.destroy())
      },
    ],
    [
      'breaks off without a length',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'audio/mpeg' })
        response.write(bytes.subarray(0, 5_000), () => response.destroy())
      },
    ],
    [
      'is a page about an error',
      (_request, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Busy</h1>'),
    ],
    ['is empty', (_request, response) => void response.writeHead(200, { 'content-length': 0 }).end()],
    ['is answered with 503', (_request, response) => void response.writeHead(503).end()],
  ])('has no copy of a file that %s, and tries again until it is whole', async (_what, broken) => {
    const { gateway, archive, files, serve } = await start(newArchive)
    serve(broken)
    const { id } = await storeNewTask(gateway, { vocal: `${files.url}/vocal.mp3` })
    await expect.poll(() => files.requests.length, soon).toBeGreaterThan(2)
    expect(await archive.keys()).toEqual([])
    expect((await readFiles(gateway, id)).allStems).toMatchObject([{ archived: false }])
    serve(chunkedFile(bytes))
    const [shown] = (await untilArchived(gateway, id)).allStems
    expect((await bodyOf(shown?.url ?? '')).body.equals(bytes)).toBe(true)
  })

  test('gives up a file that the provider has deleted or that is too large, and copies the others once', async () => {
    const { gateway, archive, files, serve } = await start(newArchive, { ARCHIVE_MAX_FILE_MB: '1' })
    const large = oggBytes(1_000_004)
    serve((request, response) => {
      if (request.url === '/vocal.mp3') return gone(request, response)
      return (request.url === '/bass.mp3' ? chunkedFile(large) : rangedFile(bytes))(request, response)
    })
    const { id } = await storeNewTask(gateway, {
      vocal: `${files.url}/vocal.mp3`,
      drums: `${files.url}/drums.mp3`,
      bass: `${files.url}/bass.mp3`,
    })
    await expect.poll(() => gateway.logged.join('\n'), soon).toContain('stems cannot be archived')
    expect((await readFiles(gateway, id)).allStems.map(({ part, archived }) => [part, archived])).toEqual([
      ['VOCAL', false],
      ['DRUMS', true],
      ['BASS', false],
    ])
    expect(files.requests).toHaveLength(3)
    expect(await archive.keys()).toHaveLength(1)
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    for (const line of [
      'stemgate_archive_files_total{outcome="copied"} 1',
      'stemgate_archive_files_total{outcome="gone"} 1',
      'stemgate_archive_files_total{outcome="too-large"} 1',
      'stemgate_archive_bytes_total 10000',
      'stemgate_archive_waiting_tasks 0',
    ]) {
      expect(metrics).toContain(line)
    }
  })

  test('deletes its copies after ARCHIVE_RETENTION_DAYS, and the links end', async () => {
    const { gateway, archive, files, advance } = await start(newArchive, { ARCHIVE_RETENTION_DAYS: '30' })
    const { id, completedAtMs } = await storeNewTask(gateway, { vocal: `${files.url}/vocal.mp3` })
    const { allStems, expiresAt } = await untilArchived(gateway, id)
    expect(expiresAt).toBe(new Date(completedAtMs.value + 30 * dayMs).toISOString())
    const link = allStems[0]?.url ?? ''
    advance(29 * dayMs)
    expect((await bodyOf(link)).status).toBe(200)
    advance(dayMs)
    expect(await readFiles(gateway, id)).toMatchObject({ filesAvailable: false })
    expect((await bodyOf(link)).status).toBe(403)
    await expect.poll(archive.keys, soon).toEqual([])
    await expect.poll(async () => (await readFiles(gateway, id)).allStems[0]?.archived, soon).toBe(false)
  })

  test('makes a lost copy again while the provider has the file, and serves the file meanwhile', async () => {
    const { gateway, archive, files } = await start(newArchive)
    const { id } = await storeNewTask(gateway, { vocal: `${files.url}/vocal.mp3` })
    const { allStems } = await untilArchived(gateway, id)
    const keys = await archive.keys()
    for (const key of keys) await archive.lose(key)
    const { status, body } = await bodyOf(allStems[0]?.url ?? '')
    expect([status, body.equals(bytes)]).toEqual([200, true])
    await expect.poll(archive.keys, soon).toEqual(keys)
    expect(gateway.logged.join('\n')).toContain('a copy in the archive is missing or damaged')
  })
})

test('a copy in a folder that is empty after a crash is made again, and the file is served meanwhile', async () => {
  const { gateway, archive, files } = await start(newFolderArchive)
  const { id } = await storeNewTask(gateway, { vocal: `${files.url}/vocal.mp3` })
  const { allStems } = await untilArchived(gateway, id)
  const [key = ''] = await archive.keys()
  const path = join(archive.environment['ARCHIVE_URL']?.slice('file:'.length) ?? '', key)
  await truncate(path)
  const { status, body } = await bodyOf(allStems[0]?.url ?? '')
  expect([status, body.equals(bytes)]).toEqual([200, true])
  await expect.poll(async () => (await stat(path)).size, soon).toBe(bytes.length)
})

describe('what is archived', () => {
  test('includes tasks from before the archive, and leaves out those whose files have ended', async () => {
    const archive = await newFolderArchive()
    const files = await startFileServer(rangedFile(bytes))
    const without = await startGateway({ STEM_HOSTS_ALLOWED: files.host })
    const earlier = await storeTaskOf(without, `${files.url}/earlier.ogg`, timesOf(Date.now() - 13 * dayMs))
    const ended = await storeTaskOf(without, `${files.url}/ended.ogg`, timesOf(Date.now() - 15 * dayMs))
    expect(await readFiles(without, earlier.id)).toMatchObject({ allStems: [{ archived: false }] })
    await without.close()
    const gateway = await startGateway({ ...without.environment, ...archive.environment })
    await untilArchived(gateway, earlier.id)
    expect(await readFiles(gateway, ended.id)).toMatchObject({ filesAvailable: false, allStems: [{ archived: false }] })
    expect(files.requests.map(({ url }) => url)).toEqual(['/earlier.ogg'])
    expect(gateway.logged.join('\n')).toContain('the stems of earlier tasks are archived')
  })

  test('grows by a late stem, and is not copied again when record-info names another address', async () => {
    const archive = await newFolderArchive()
    const provider = await startPlayedProvider()
    const files = await startFileServer(rangedFile(bytes))
    const gateway = await startGateway({
      ...provider.environment,
      ...archive.environment,
      STEM_LINKS: 'signed',
      STEM_HOSTS_ALLOWED: files.host,
      CHECK_INTERVAL_SECONDS: '0.2',
    })
    const record = (response: object) =>
      recordOfSuccess('provider-task-1', { response: { originUrl: null, ...response } })
    provider.answerRead(record({ vocalUrl: `${files.url}/vocal.ogg` }))
    const id = await order(gateway, { type: 'SPLIT_STEM' })
    await untilSettled(gateway, id)
    await untilArchived(gateway, id)
    const { revision } = await readFiles(gateway, id)
    provider.answerRead(record({ vocalUrl: `${files.url}/again.ogg`, pianoUrl: `${files.url}/piano.ogg` }))
    await expect.poll(async () => (await readFiles(gateway, id)).allStems.length, soon).toBe(2)
    const { allStems, revision: later } = await untilArchived(gateway, id)
    expect(later).toBeGreaterThan(revision)
    expect(allStems.map(({ part }) => part)).toEqual(['VOCAL', 'PIANO'])
    expect(files.requests.map(({ url }) => url)).toEqual(['/vocal.ogg', '/piano.ogg'])
  })

  test('answers an order for its track after the provider has deleted its files', async () => {
    const { gateway, advance } = await start(newFolderArchive)
    const input = { musicTaskId: 'm', audioId: 'done' }
    const id = await order(gateway, input)
    await untilSettled(gateway, id)
    await untilArchived(gateway, id)
    advance(100 * dayMs)
    const { data } = await gateway.send(SeparateDocument, { input })
    expect(data?.separate).toMatchObject({ reused: true, task: { id } })
  })

  test('has names of its own, whatever the provider calls a stem', async () => {
    const { gateway, archive, files } = await start(newFolderArchive)
    const label = '../../../etc/passwd'
    const url = { value: `${files.url}/x.ogg`, by: 'record-info', atMs: Date.now() } as const
    const task = await storeNewTask(gateway, {}, { stems: [stem('other', { label, url })] })
    await untilArchived(gateway, task.id)
    expect(await archive.keys()).toEqual([expect.stringMatching(new RegExp(`^${task.id}/[0-9a-f]{64}$`))])
  })

  test('is nothing of the sandbox track whose files have expired', async () => {
    const { gateway, archive } = await start(newFolderArchive)
    const id = await order(gateway, { audioId: 'expired' })
    await untilSettled(gateway, id)
    await expect.poll(() => gateway.logged.join('\n'), soon).toContain('stems cannot be archived')
    expect((await readFiles(gateway, id)).allStems.map(({ archived }) => archived)).toEqual([false, false])
    expect(await archive.keys()).toEqual([])
  })
})

test('a gateway that stops ends a copy under way, and leaves nothing of it', async () => {
  const { gateway, archive, files, serve } = await start(newFolderArchive)
  serve((_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 5_000))
  })
  await storeNewTask(gateway, { vocal: `${files.url}/vocal.ogg` })
  await expect.poll(() => files.requests.length, soon).toBe(1)
  await gateway.close()
  expect(await filesIn(archive.environment['ARCHIVE_URL']?.slice('file:'.length) ?? '')).toEqual([])
})

function timesOf(completedMs: number) {
  return {
    createdAtMs: completedMs - 60_000,
    completedAtMs: { value: completedMs, by: 'record-info', isReported: true },
    foundAtMs: completedMs,
  } as const
}
