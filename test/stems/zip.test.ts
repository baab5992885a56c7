import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Stem } from '../../src/separation/task/stem.ts'
import type { SucceededTask } from '../../src/separation/task/task.ts'
import { createLinkTokens } from '../../src/stems/link-tokens.ts'
import { createStemLinks } from '../../src/stems/stem-links.ts'
import { openStoreOf } from '../support/database.ts'
import {
  chunkedFile,
  mp3Bytes,
  plainFile,
  rangedFile,
  startFileServer,
  type FileServer,
  type ServeFile,
} from '../support/file-server.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { readOut } from '../support/read-out.ts'
import { readLinks, storeTaskOf } from '../support/stem-link.ts'
import { pendingTask, stem, succeededTask } from '../support/tasks.ts'
import { unzip } from '../support/unzip.ts'

/** Files of different lengths, so that none is taken for another. */
const contents = [mp3Bytes(50_000), mp3Bytes(0), mp3Bytes(123_457), mp3Bytes(70_001)]
const megabyte = 1_000_000
/** Longer than a test may take: a zip that fails is cut at once, not when it stalls. */
const longStallMs = 60_000

/** Starts a gateway and a file server, which answers `/0` with the first of these, `/1` with the second. */
async function start(
  serves: readonly ServeFile[],
  {
    stemStallMs = longStallMs,
    ...environment
  }: { stemStallMs?: number } & Readonly<Record<string, string | number>> = {},
) {
  const files = await startFileServer((request, response) => {
    const [, nth = ''] = /^\/(\d+)/.exec(request.url ?? '') ?? []
    return serves[Number(nth)]?.(request, response)
  })
  const settings = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]))
  const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host, ...settings }, undefined, { stemStallMs })
  return { files, gateway }
}

const labels = ['Lead', 'Choir', 'Drums', 'Bass']

/** Stems at `/0`, `/1` and so on. */
function stemsAt({ url }: FileServer, count: number): readonly Stem[] {
  return Array.from({ length: count }, (_, nth) =>
    stem('other', {
      label: labels[nth] ?? `Part ${nth}`,
      url: { value: `${url}/${nth}.mp3`, by: 'record-info', atMs: Date.UTC(2030, 0, 1) },
    }),
  )
}

async function storeTask(gateway: TestGateway, stems: readonly Stem[], change: Partial<SucceededTask> = {}) {
  return storeTaskOf(gateway, '', { stems: [...stems], type: 'split_stem', ...change })
}

/** The link of all stems, as a client reads it. */
async function zipLink(gateway: TestGateway, taskId: string): Promise<string | null> {
  const { data } = await gateway.ask('query ($id: ID!) { separation(taskId: $id) { archiveUrl } }', { id: taskId })
  const separation = data?.['separation'] as { archiveUrl: string | null } | null
  return separation?.archiveUrl ?? null
}

/** The link of all stems of a new task. */
async function linkOfStems(gateway: TestGateway, stems: readonly Stem[], change: Partial<SucceededTask> = {}) {
  return (await zipLink(gateway, (await storeTask(gateway, stems, change)).id)) ?? ''
}

async function read(link: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(link, { headers })
  return { response, bytes: Buffer.from(await response.arrayBuffer()) }
}

describe('one link gives all stems as a zip', () => {
  test('it has every file as it is, under the name of its download, and says its length', async () => {
    const { gateway, files } = await start(contents.map((bytes) => rangedFile(bytes)))
    const link = await linkOfStems(gateway, stemsAt(files, 4), { audioId: 'Ma chanson/été' })
    expect(link).toMatch(
      new RegExp(`^${gateway.url}/stems/sep_[0-9a-z]{26}/all/[\\w-]{43}/Ma%20chanson_%C3%A9t%C3%A9\\.zip$`),
    )
    const { response, bytes } = await read(link, { origin: 'https://app.example' })
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'content-type': 'application/zip',
      'content-length': String(bytes.length),
      'content-disposition': `attachment; filename="Ma chanson__t_.zip"; filename*=UTF-8''Ma%20chanson_%C3%A9t%C3%A9.zip`,
      'cache-control': 'public, no-cache, no-transform',
    })
    const unzipped = await unzip(bytes)
    expect(unzipped.map(({ name }) => name)).toEqual(labels.map((label) => `Ma chanson_été – ${label}.mp3`))
    expect(unzipped.map((file, nth) => file.bytes.equals(contents[nth] ?? Buffer.of(1)))).toEqual(Array(4).fill(true))
    expect(unzipped.some(({ isCompressed }) => isCompressed)).toBe(false)
    expect(unzipped[0]?.modifiedAt).toEqual(new Date(Date.UTC(2030, 0, 1, 0, 1)))

    const head = await fetch(link, { method: 'HEAD' })
    const shown = ['content-type', 'content-length', 'content-disposition', 'cache-control', 'accept-ranges', 'etag']
    expect(shown.map((name) => head.headers.get(name))).toEqual(shown.map((name) => response.headers.get(name)))
    await files.idle()
  })

  test.each([
    ['knows no ranges', plainFile, true],
    ['knows neither ranges nor the length', chunkedFile, false],
    [
      'compresses although nobody asks for it',
      (bytes: Buffer) => plainFile(gzipSync(bytes), { 'content-encoding': 'gzip' }),
      false,
    ],
  ])('also if the file server %s', async (_name, serve, isLengthKnown) => {
    const { gateway, files } = await start(contents.map((bytes) => serve(bytes)))
    const { response, bytes } = await read(await linkOfStems(gateway, stemsAt(files, 4)))
    expect(response.headers.has('content-length')).toBe(isLengthKnown)
    const unzipped = await unzip(bytes)
    expect(unzipped.map((file, nth) => file.bytes.equals(contents[nth] ?? Buffer.of(1)))).toEqual(Array(4).fill(true))
  })

  test('also if the length is known only when the whole is read, or the type changes', async () => {
    const bytes = mp3Bytes(50_000)
    const asked =
      (beginning: ServeFile, whole: ServeFile): ServeFile =>
      (request, response) =>
        (request.headers.range === undefined ? whole : beginning)(request, response)
    const ofUnknownSize: ServeFile = (_request, response) => {
      const headers = { 'content-type': 'audio/mpeg', 'content-range': 'bytes 0-1023/*' }
      response.writeHead(206, headers).end(bytes.subarray(0, 1_024))
    }
    const { gateway, files } = await start([
      asked(ofUnknownSize, plainFile(bytes, { 'content-type': 'audio/mpeg' })),
      asked(rangedFile(bytes), rangedFile(bytes, { 'content-type': 'application/octet-stream' })),
    ])
    const { response, bytes: zip } = await read(await linkOfStems(gateway, stemsAt(files, 2)))
    expect(response.headers.has('content-length')).toBe(false)
    expect((await unzip(zip)).map((file) => file.bytes.equals(bytes))).toEqual([true, true])
  })

  test('also if the file server sends more than was asked for, of which no more is read', async () => {
    const bytes = mp3Bytes(50_000)
    const unasked: ServeFile = (request, response) => {
      if (request.headers.range === undefined) return plainFile(bytes)(request, response)
      const contentRange = `bytes 0-${bytes.length - 1}/${bytes.length}`
      response.writeHead(206, { 'content-range': contentRange, 'content-length': bytes.length })
      // The rest never comes.
      response.write(bytes.subarray(0, 10_000))
    }
    const { gateway, files } = await start([unasked])
    const { bytes: zip } = await read(await linkOfStems(gateway, stemsAt(files, 1)))
    expect((await unzip(zip)).map((file) => file.bytes.equals(bytes))).toEqual([true])
  })

  test('the files are read one after the other', async () => {
    let most = 0
    const serve = rangedFile(mp3Bytes(2 * megabyte))
    const { gateway, files } = await start(
      Array<ServeFile>(8).fill((request, response) => {
        most = Math.max(most, files.open())
        if (request.headers.range === undefined) expect(files.open()).toBe(1)
        return serve(request, response)
      }),
    )
    const { bytes } = await read(await linkOfStems(gateway, stemsAt(files, 8)))
    expect(await unzip(bytes)).toHaveLength(8)
    // Their beginnings are read before, to see that all are there.
    expect(most).toBeLessThanOrEqual(4)
  })

  test('equal names get numbers, and no name leads out of a folder', async () => {
    const { gateway, files } = await start(Array<ServeFile>(8).fill(rangedFile(mp3Bytes(2_000))))
    const names = ['../../etc/passwd', 'C:\\Windows', 'Synth', 'synth', 'SYNTH', '..', '‮evil', '💿'.repeat(100)]
    const stems = stemsAt(files, names.length).map((each, nth) => ({ ...each, label: names[nth] ?? null }))
    const { bytes } = await read(await linkOfStems(gateway, stems, { audioId: '..' }))
    const unzipped = (await unzip(bytes)).map(({ name }) => name)
    expect(unzipped.map((name) => name.replace(/^sep_\w+ – /, ''))).toEqual([
      '.._.._etc_passwd.mp3',
      'C_Windows.mp3',
      'Synth.mp3',
      'synth (2).mp3',
      'SYNTH (3).mp3',
      'Other.mp3',
      '_evil.mp3',
      `${'💿'.repeat(27)}.mp3`,
    ])
    expect(unzipped.every((name) => Buffer.byteLength(name) <= 255)).toBe(true)
  })

  test('a zip that has not changed is not sent again; with a late stem the link stays and the zip has it', async () => {
    const { gateway, files } = await start(contents.map((bytes) => rangedFile(bytes)))
    const stems = stemsAt(files, 4)
    const task = await storeTask(gateway, stems.slice(0, 3))
    const link = (await zipLink(gateway, task.id)) ?? ''
    const first = await read(link)
    const etag = first.response.headers.get('etag') ?? ''
    expect(await unzip(first.bytes)).toHaveLength(3)
    expect((await read(link, { 'if-none-match': etag, 'cache-control': 'no-cache' })).response.status).toBe(304)

    const store = await openStoreOf(gateway)
    await store.replace({ ...task, revision: 2, stems: [...stems] }, task)
    expect(await zipLink(gateway, task.id)).toBe(link)
    const second = await read(link, { 'if-none-match': etag, 'cache-control': 'no-cache' })
    expect(second.response.status).toBe(200)
    expect(await unzip(second.bytes)).toHaveLength(4)
  })

  test('a task without stems has no link, nor has any with STEM_LINKS=direct', async () => {
    const { gateway, files } = await start([])
    const [pending, empty] = [pendingTask(), succeededTask({ stems: [] })]
    const store = await openStoreOf(gateway)
    await store.adopt(pending, null)
    await store.adopt(empty, null)
    expect(await zipLink(gateway, pending.id)).toBeNull()
    expect(await zipLink(gateway, empty.id)).toBeNull()
    const direct = await startGateway({ STEM_LINKS: 'direct' })
    expect(await zipLink(direct, (await storeTask(direct, stemsAt(files, 2))).id)).toBeNull()
  })
})

describe('the link is the credential', () => {
  test('an altered or expired link, and a token of one stem, are answered as every link that is not valid', async () => {
    const { gateway, files } = await start([rangedFile(mp3Bytes(2_000))])
    const task = await storeTask(gateway, stemsAt(files, 1))
    const [, , , all = '', token = '', name = ''] = new URL((await zipLink(gateway, task.id)) ?? '').pathname.split('/')
    const [linkOfStem = ''] = await readLinks(gateway, task.id)
    const [, , , ofStem = '', tokenOfStem = '', file = ''] = new URL(linkOfStem).pathname.split('/')
    const other = await storeTask(gateway, stemsAt(files, 1))
    const expired = await linkOfStems(gateway, stemsAt(files, 1), {
      completedAtMs: { value: Date.UTC(2020, 0, 1), by: 'record-info', isReported: true },
    })
    const paths = [
      '/stems/x',
      `/stems/${task.id}/${all}/${tokenOfStem}/${name}`,
      `/stems/${task.id}/${all}/${tokenOfStem}/${file}`,
      `/stems/${task.id}/${ofStem}/${token}/${name}`,
      `/stems/${task.id}/${all}/${token}/other.zip`,
      `/stems/${other.id}/${all}/${token}/${name}`,
      new URL(expired).pathname,
    ]
    const answers = await Promise.all(
      paths.map(async (path) => {
        const response = await fetch(`${gateway.url}${path}`)
        return { status: response.status, text: await response.text() }
      }),
    )
    expect(answers[0]?.status).toBe(403)
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(files.requests).toHaveLength(0)
  })

  test('a stem that is named as the link of all stems has a token of its own', () => {
    const secrets = () => ['a-secret-of-this-test']
    const links = createStemLinks({ baseUrl: () => '', secrets })
    const path = links.zipUrlOf(succeededTask())
    const [, , taskId = '', all = '', token = '', name = ''] = path.split('/')
    expect(links.parse(path)).toEqual({ kind: 'zip', taskId })
    const tokenOfStem = createLinkTokens(secrets, 'stemgate link of a stem').sign(`${taskId}/${all}/${name}`)
    expect(tokenOfStem).not.toBe(token)
    expect(links.parse(path.replace(token, tokenOfStem))).toEqual({ kind: 'stem', taskId, stem: all })
  })
})

describe('a zip is whole or it is none', () => {
  const status =
    (code: number): ServeFile =>
    (_request, response) =>
      void response.writeHead(code).end('secret-of-the-server')
  const errorPage: ServeFile = (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sorry</h1>')

  test.each([
    ['is not there', status(404), 404, 'FILE_NOT_FOUND'],
    ['was deleted', status(410), 410, 'FILE_GONE'],
    ['is refused', status(403), 410, 'FILE_REFUSED'],
    ['is an error page', errorPage, 502, 'FILE_NOT_AUDIO'],
    ['fails', status(500), 502, 'PROVIDER_FAILED'],
    ['hangs', () => {}, 502, 'PROVIDER_FAILED'],
    [
      'hangs after its head',
      (_request: unknown, response) => response.writeHead(200, { 'content-length': 9 }).flushHeaders(),
      502,
      'PROVIDER_FAILED',
    ],
  ] satisfies readonly [string, ServeFile, number, string][])(
    'if one of the files %s, the answer names its stem',
    async (_name, serve, expected, code) => {
      const kind = rangedFile(mp3Bytes(50_000))
      const { gateway, files } = await start([kind, kind, serve, kind], { stemStallMs: 1_500 })
      const link = await linkOfStems(gateway, stemsAt(files, 4))
      const { response, bytes } = await read(link)
      expect(response.status).toBe(expected)
      const answer: { code: string; message: string; stem: string } = JSON.parse(bytes.toString())
      expect(answer).toMatchObject({ code, stem: 'Drums' })
      expect(answer.message).toMatch(/^There is no zip, .*: Drums\. .*one by one\.$/)
      expect(answer.message).not.toContain('secret')
      await files.idle()
    },
  )

  const whole = rangedFile(mp3Bytes(50_000))
  test('a person who opens the link is told by a page', async () => {
    const { gateway, files } = await start([whole, status(404)])
    const page = await read(await linkOfStems(gateway, stemsAt(files, 2)), { accept: 'text/html' })
    expect(page.response.status).toBe(404)
    expect(page.bytes.toString()).toContain('Choir')
  })

  /** Answers as `whole` until the zip is written. */
  const later =
    (serve: ServeFile): ServeFile =>
    (request, response) =>
      (request.headers.range === undefined ? serve : whole)(request, response)

  test.each([
    [
      'breaks off',
      later((_request, response) => {
        response.writeHead(200, { 'content-length': 50_000, 'content-type': 'audio/mpeg' })
        response.write(mp3Bytes(20_000), () => response.destroy())
      }),
    ],
    ['is gone when its turn comes', later(status(404))],
    ['is an error page when its turn comes', later(errorPage)],
    ['is longer when its turn comes', later(plainFile(mp3Bytes(60_000), { 'content-type': 'audio/mpeg' }))],
    ['is shorter when its turn comes', later(plainFile(mp3Bytes(40_000), { 'content-type': 'audio/mpeg' }))],
    ['is longer and does not say so', later(chunkedFile(mp3Bytes(60_000)))],
    ['is shorter and does not say so', later(chunkedFile(mp3Bytes(40_000)))],
    [
      'breaks off, and nobody knows the length',
      (_request, response) => {
        response.writeHead(200)
        response.write(mp3Bytes(20_000), () => response.destroy())
      },
    ],
  ] satisfies readonly [string, ServeFile][])('if the last file %s, the download fails', async (_name, serve) => {
    const { gateway, files } = await start([whole, whole, serve])
    const { end, response } = await readOut(await linkOfStems(gateway, stemsAt(files, 3)))
    expect(response.statusCode).toBe(200)
    expect(end).toBe('cut')
    await files.idle()
  })
})

describe('clients', () => {
  /** Sends as much as anybody takes. */
  const endless: ServeFile = (request, response) => {
    const [size, head] = [1_000 * megabyte, mp3Bytes(1_024)]
    if (request.headers.range !== undefined) {
      const contentRange = `bytes 0-1023/${size}`
      response.writeHead(206, { 'content-type': 'audio/mpeg', 'content-range': contentRange }).end(head)
      return
    }
    response.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': size })
    const chunk = mp3Bytes(65_536)
    const send = () => {
      while (!response.destroyed && response.write(chunk));
      response.once('drain', send)
    }
    send()
  }

  test('one that leaves ends the request to the file server', async () => {
    const { gateway, files } = await start([endless, endless])
    const leaving = new AbortController()
    const response = await fetch(await linkOfStems(gateway, stemsAt(files, 2)), { signal: leaving.signal })
    await response.body?.getReader().read()
    await expect.poll(() => files.open()).toBe(1)
    leaving.abort()
    await files.idle()
  })

  test('one that stops reading is closed, and little is read for it', async () => {
    const { gateway, files } = await start([endless, endless], { stemStallMs: 1_500 })
    const request = httpRequest(await linkOfStems(gateway, stemsAt(files, 2)), { agent: false })
    request.end()
    const [response] = await once(request, 'response')
    response.pause()
    await expect.poll(() => files.open()).toBe(1)
    await files.idle()
    response.resume()
    await once(response, 'error')
  })

  test('a zip counts as one stream', async () => {
    const { gateway, files } = await start([endless, endless, endless], { STEM_STREAMS: '1' })
    const link = await linkOfStems(gateway, stemsAt(files, 3))
    const leaving = new AbortController()
    const open = await fetch(link, { signal: leaving.signal })
    expect(open.status).toBe(200)
    const second = await read(link)
    expect(second.response.status).toBe(503)
    expect(second.bytes.toString()).toContain('TOO_MANY_STREAMS')
    leaving.abort()
    await files.idle()
  })
})
