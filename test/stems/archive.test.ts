import { describe, expect, onTestFinished, test } from 'vitest'
import {
  newFolderArchive,
  oggBytes,
  readFiles,
  storeNewTask,
  untilArchived,
  type TestArchive,
} from '../support/archive.ts'
import { startFileServer, chunkedFile, rangedFile, type ServeFile } from '../support/file-server.ts'
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
    const [stem] = (await untilArchived(gateway, id)).allStems
    const link = stem?.url ?? ''
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
    const [stem] = (await untilArchived(gateway, id)).allStems
    expect((await bodyOf(stem?.url ?? '')).body.equals(bytes)).toBe(true)
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
