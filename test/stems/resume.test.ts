import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { mp3Bytes, plainFile, rangedFile, startFileServer, type ServeFile } from '../support/file-server.ts'
import { startGateway } from '../support/gateway.ts'
import { readOut } from '../support/read-out.ts'
import { linkOf, storeTaskOf } from '../support/stem-link.ts'
import { unzip } from '../support/unzip.ts'

const bytes = mp3Bytes(600_000)
/** Comparing thousands of bytes one by one takes a second. */
const digestOf = (part: Buffer) => `${part.length} bytes, ${createHash('sha256').update(part).digest('hex')}`
/** How much the server sends before it cuts the connection. */
const cutAfter = 100_000

/** Knows ranges, but cuts its first answers in the middle. */
function cutting(times: number, headers: Readonly<Record<string, string>> = {}): ServeFile {
  let answers = 0
  return rangedFile(bytes, headers, (response, body) => {
    if (answers++ < times) response.write(body.subarray(0, cutAfter), () => response.destroy())
    else response.end(body)
  })
}

/** Another file server for each request; the last one for all later ones. */
function inTurn(...serves: readonly ServeFile[]): ServeFile {
  let nth = 0
  return (request, response) => serves[Math.min(nth++, serves.length - 1)]?.(request, response)
}

async function start(serve: ServeFile) {
  const files = await startFileServer(serve)
  const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host })
  const rangesAsked = () => files.requests.map(({ headers }) => [headers.range, headers['if-range']])
  return { files, rangesAsked, link: await linkOf(gateway, `${files.url}/song.mp3`) }
}

describe('a file server that breaks off is asked for the rest', () => {
  test('so the client gets the whole file in one answer', async () => {
    const { link, files, rangesAsked } = await start(cutting(3))
    const { response, body, end } = await readOut(link)
    expect([response.statusCode, end, digestOf(body)]).toEqual([200, 'ended', digestOf(bytes)])
    expect(response.headers['content-length']).toBe('600000')
    const [first, ...later] = rangesAsked()
    expect(first).toEqual([undefined, undefined])
    expect(later).toHaveLength(3)
    for (const [range, ifRange] of later) {
      expect(range).toMatch(/^bytes=\d+-$/)
      expect(ifRange).toBe('"file-1"')
    }
    await files.idle()
  })

  test('within the range that the client has asked for', async () => {
    const { link, rangesAsked } = await start(cutting(1))
    const { response, body, end } = await readOut(link, { range: 'bytes=100000-499999' })
    expect([response.statusCode, end]).toEqual([206, 'ended'])
    expect(response.headers['content-range']).toBe('bytes 100000-499999/600000')
    expect(digestOf(body)).toBe(digestOf(bytes.subarray(100_000, 500_000)))
    expect(rangesAsked()[1]?.[0]).toMatch(/^bytes=\d+-499999$/)
  })

  test('also if it only fails when it is asked again', async () => {
    const unavailable: ServeFile = (_request, response) => void response.writeHead(503).end()
    const { link } = await start(inTurn(cutting(1), unavailable, rangedFile(bytes)))
    const { body, end } = await readOut(link)
    expect([end, digestOf(body)]).toEqual(['ended', digestOf(bytes)])
  })

  test('for a zip as well', async () => {
    let answers = 0
    const serve = rangedFile(bytes, {}, (response, body) => {
      // The first is asked for the beginning alone, to see that the file is there.
      if (answers++ === 1) response.write(body.subarray(0, cutAfter), () => response.destroy())
      else response.end(body)
    })
    const files = await startFileServer(serve)
    const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host })
    const { id } = await storeTaskOf(gateway, `${files.url}/song.mp3`)
    const { data } = await gateway.ask(`{ separation(taskId: "${id}") { archiveUrl } }`)
    const { body, end } = await readOut((data?.['separation'] as { archiveUrl: string } | null)?.archiveUrl ?? '')
    expect(end).toBe('ended')
    expect((await unzip(body)).map((file) => digestOf(file.bytes))).toEqual([digestOf(bytes)])
    expect(files.requests).toHaveLength(3)
  })
})

describe('the client is cut', () => {
  const another = mp3Bytes(700_000).subarray(100_000)

  test.each([
    ['the file has another tag by then', inTurn(cutting(1), rangedFile(another, { etag: '"file-2"' }))],
    ['the file has another size by then', inTurn(cutting(1), rangedFile(mp3Bytes(600_001)))],
    ['the server answers with the whole of another file', inTurn(cutting(1), plainFile(another, { etag: '"file-2"' }))],
    ['the tag of the file is weak', cutting(1, { etag: 'W/"file-1"' })],
    ['the server knows no ranges', inTurn(cutting(1), plainFile(bytes, { etag: '"file-1"' }))],
    ['the file is gone by then', inTurn(cutting(1), (_request, response) => void response.writeHead(410).end())],
    ['the server breaks off again and again', cutting(100)],
  ])('if %s', async (_name, serve) => {
    const { link, files } = await start(serve)
    const { body, end } = await readOut(link)
    expect(end).toBe('cut')
    expect(digestOf(body)).toBe(digestOf(bytes.subarray(0, body.length)))
    expect(files.requests.length).toBeLessThanOrEqual(4)
    await files.idle()
  })

  test('at once, if the server gives nothing to know the file by', async () => {
    const { link, files } = await start((_request, response) => {
      response.writeHead(200, { 'content-length': 600_000 })
      response.write(bytes.subarray(0, cutAfter), () => response.destroy())
    })
    expect((await readOut(link)).end).toBe('cut')
    expect(files.requests).toHaveLength(1)
  })
})

test('a client that leaves ends the attempts', async () => {
  const { link, files } = await start(inTurn(cutting(1), () => {}))
  const leaving = new AbortController()
  const response = await fetch(link, { signal: leaving.signal })
  void response.arrayBuffer().catch(() => {})
  await expect.poll(() => files.requests.length).toBe(2)
  leaving.abort()
  await files.idle()
})
