import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  chunkedFile,
  mp3Bytes,
  plainFile,
  rangedFile,
  startFileServer,
  type ServeFile,
} from '../support/file-server.ts'
import { startGateway } from '../support/gateway.ts'
import { readOut } from '../support/read-out.ts'
import { linkOf } from '../support/stem-link.ts'

const bytes = mp3Bytes(50_000)
const megabyte = 1_000_000
/** Comparing thousands of bytes one by one takes a second. */
const digestOf = (part: Buffer) => `${part.length} bytes, ${createHash('sha256').update(part).digest('hex')}`

async function start(
  serve: ServeFile,
  { stemStallMs, ...environment }: { stemStallMs?: number } & Readonly<Record<string, string | number>> = {},
) {
  const files = await startFileServer(serve)
  const settings = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]))
  const gateway = await startGateway(
    { STEM_HOSTS_ALLOWED: files.host, ...settings },
    undefined,
    stemStallMs === undefined ? {} : { stemStallMs },
  )
  return { files, gateway, link: await linkOf(gateway, `${files.url}/some%20song.mp3`) }
}

async function refusalOf(link: string): Promise<{ status: number; code: string }> {
  const response = await fetch(link)
  const { code, message }: { code: string; message: string } = JSON.parse(await response.text())
  expect(message).toMatch(/^[A-Z].*\.$/)
  expect(message).not.toMatch(/127\.0\.0\.1|mp3/)
  return { status: response.status, code }
}

describe.each([
  ['that knows ranges', rangedFile(bytes), true],
  ['that knows no ranges', plainFile(bytes), true],
  ['that knows neither ranges nor the length', chunkedFile(bytes), false],
  ['that compresses although nobody asks for it', plainFile(gzipSync(bytes), { 'content-encoding': 'gzip' }), false],
])('a file server %s', (_name, serve, isLengthKnown) => {
  const get = async (link: string, headers: Readonly<Record<string, string>>) => {
    const response = await fetch(link, { headers })
    const body = digestOf(Buffer.from(await response.arrayBuffer()))
    return {
      status: response.status,
      range: response.headers.get('content-range'),
      type: response.headers.get('content-type'),
      body,
    }
  }

  test('gives the whole file, and any part of it', async () => {
    const { link, files } = await start(serve)
    if (!isLengthKnown) {
      // The length is known once the file was seen whole. Until then the whole file answers a range.
      expect(await get(link, { range: 'bytes=100-199' })).toMatchObject({
        status: 200,
        range: null,
        body: digestOf(bytes),
      })
    }
    expect(await get(link, {})).toMatchObject({ status: 200, type: 'audio/mpeg', body: digestOf(bytes) })
    const parts: readonly [string, number, number][] = [
      ['bytes=0-', 0, 49_999],
      ['bytes=0-0', 0, 0],
      ['bytes=100-199', 100, 199],
      ['bytes=30000-99999', 30_000, 49_999],
      ['bytes=-10', 49_990, 49_999],
      ['bytes=-99999', 0, 49_999],
    ]
    for (const [range, first, last] of parts) {
      const body = digestOf(bytes.subarray(first, last + 1))
      expect(await get(link, { range })).toEqual({
        status: 206,
        range: `bytes ${first}-${last}/50000`,
        type: 'audio/mpeg',
        body,
      })
    }
    expect(await get(link, { range: 'bytes=50000-' })).toMatchObject({ status: 416, range: 'bytes */50000' })
    for (const range of ['bytes=5-1', 'bytes=0-1,5-6', 'lines=1-2', 'bytes=-', 'bytes=a-']) {
      expect(await get(link, { range })).toMatchObject({ status: 200, body: digestOf(bytes) })
    }
    await files.idle()
  })

  test('lets a client resume the same file, and gives it the whole of another', async () => {
    const { link } = await start(serve)
    const first = await fetch(link)
    await first.arrayBuffer()
    const etag = first.headers.get('etag') ?? ''
    expect(await get(link, { range: 'bytes=40000-', 'if-range': etag })).toMatchObject({
      status: 206,
      body: digestOf(bytes.subarray(40_000)),
    })
    expect(await get(link, { range: 'bytes=40000-', 'if-range': '"another"' })).toMatchObject({
      status: 200,
      body: digestOf(bytes),
    })
  })
})

describe('a file server that fails gets a clear answer', () => {
  const status =
    (code: number): ServeFile =>
    (_request, response) =>
      void response.writeHead(code).end('secret-of-the-server')

  test.each([
    [404, 404, 'FILE_NOT_FOUND'],
    [410, 410, 'FILE_GONE'],
    [401, 410, 'FILE_REFUSED'],
    [403, 410, 'FILE_REFUSED'],
    [400, 502, 'PROVIDER_FAILED'],
    [204, 502, 'PROVIDER_FAILED'],
    [429, 502, 'PROVIDER_FAILED'],
    [500, 502, 'PROVIDER_FAILED'],
    [503, 502, 'PROVIDER_FAILED'],
  ])('status %d becomes %d %s', async (theirs, ours, code) => {
    const { link } = await start(status(theirs))
    expect(await refusalOf(link)).toEqual({ status: ours, code })
  })

  test('an error page with status 200 is no stem', async () => {
    const { link, files } = await start((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sorry</h1>')
    })
    expect(await refusalOf(link)).toEqual({ status: 502, code: 'FILE_NOT_AUDIO' })
    await files.idle()
  })

  test('audio with the wrong type gets the right one', async () => {
    const { link } = await start(plainFile(bytes, { 'content-type': 'text/html; charset=utf-8' }))
    const response = await fetch(link)
    expect(response.headers.get('content-type')).toBe('audio/mpeg')
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
  })

  test('a range that was not asked for is not passed on', async () => {
    const { link } = await start((_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 700-999/50000' }).end(bytes.subarray(700, 1_000))
    })
    expect(await refusalOf(link)).toEqual({ status: 502, code: 'PROVIDER_FAILED' })
    const asked = await fetch(link, { headers: { range: 'bytes=0-99' } })
    expect(asked.status).toBe(502)
  })

  test.each([
    ['a dead server', undefined],
    ['a server that hangs before its answer', () => {}],
    [
      'a server that hangs after its head',
      (_request, response) => response.writeHead(200, { 'content-length': 9 }).flushHeaders(),
    ],
    ['a server that cuts the connection', (_request, response) => void response.destroy()],
    ['a server that does not speak HTTP', (request) => void request.socket.end('SSH-2.0-OpenSSH\r\n\r\n')],
  ] satisfies readonly [string, ServeFile | undefined][])('%s', async (_name, serve) => {
    const { link, gateway } = await start(serve ?? (() => {}), { stemStallMs: 300 })
    const dead = serve === undefined ? await linkOf(gateway, 'http://127.0.0.1:9/1.mp3') : link
    if (serve === undefined) expect((await refusalOf(dead)).status).toBe(502)
    else expect(await refusalOf(link)).toEqual({ status: 502, code: 'PROVIDER_FAILED' })
  })
})

describe('a part of a file never looks like the whole', () => {
  test.each([
    ['with a length', { 'content-length': String(megabyte) }],
    ['without a length', {}],
  ])('a file that is cut in the middle, %s', async (_name, headers) => {
    const { link } = await start((_request, response) => {
      response.writeHead(200, headers)
      response.write(mp3Bytes(200_000), () => response.destroy())
    })
    const { end, body } = await readOut(link)
    expect(end).toBe('cut')
    expect(body.length).toBeLessThanOrEqual(200_000)
  })

  test('a file that trickles is ended', async () => {
    const { link, files } = await start(
      (_request, response) => {
        response.writeHead(200, { 'content-length': megabyte })
        response.write(mp3Bytes(20_000))
        const trickle = setInterval(() => response.write('.'), 20)
        response.once('close', () => clearInterval(trickle))
      },
      { stemStallMs: 1_500 },
    )
    expect((await readOut(link)).end).toBe('cut')
    await files.idle()
  })
})

describe('clients', () => {
  /** Sends as much as anybody takes. */
  const endless: ServeFile = (_request, response) => {
    response.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': 1_000 * megabyte })
    const chunk = mp3Bytes(65_536)
    const send = () => {
      while (!response.destroyed && response.write(chunk));
      response.once('drain', send)
    }
    send()
  }

  test('one that leaves ends the request to the file server', async () => {
    const { link, files } = await start(endless)
    const leaving = new AbortController()
    const response = await fetch(link, { signal: leaving.signal })
    await response.body?.getReader().read()
    expect(files.open()).toBe(1)
    leaving.abort()
    await files.idle()
  })

  test('one that leaves before the answer ends the request too', async () => {
    let arrived = () => {}
    const asked = new Promise<void>((resolve) => (arrived = resolve))
    const { link, files } = await start(() => arrived())
    const leaving = new AbortController()
    const answer = fetch(link, { signal: leaving.signal })
    answer.catch(() => {})
    await asked
    leaving.abort()
    await files.idle()
  })

  test('one that stops reading is closed, and little of the file is read for it', async () => {
    const { link, files } = await start(endless, { stemStallMs: 1_500 })
    const request = httpRequest(link, { agent: false })
    request.end()
    const [response] = await once(request, 'response')
    response.pause()
    await files.idle()
    response.resume()
    await once(response, 'error')
  })

  test.each([
    ['a file', rangedFile(bytes), undefined],
    ['a range', rangedFile(bytes), 'bytes=100-199'],
    ['a file without a length', chunkedFile(bytes), undefined],
  ])('those that read %s one after the other share a connection to the file server', async (_name, serve, range) => {
    const { link, files } = await start(serve)
    for (let nth = 0; nth < 4; nth++) {
      await (await fetch(link, { headers: range === undefined ? {} : { range } })).arrayBuffer()
      await files.idle()
    }
    expect(new Set(files.requests.map(({ socket }) => socket)).size).toBe(1)
  })

  test('more than the limit are asked to come again', async () => {
    const { link, files } = await start(endless, { STEM_STREAMS: 2 })
    const leaving = new AbortController()
    const open = await Promise.all([1, 2].map(() => fetch(link, { signal: leaving.signal })))
    expect(open.map(({ status }) => status)).toEqual([200, 200])
    const third = await fetch(link)
    expect(third.status).toBe(503)
    expect(third.headers.get('retry-after')).toBe('2')
    expect(await third.text()).toContain('TOO_MANY_STREAMS')
    leaving.abort()
    await files.idle()
    await expect
      .poll(
        async () => {
          const again = new AbortController()
          const { status } = await fetch(link, { signal: again.signal })
          again.abort()
          return status
        },
        { timeout: 20_000 },
      )
      .toBe(200)
  })
})
