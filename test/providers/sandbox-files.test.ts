import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSandbox } from '../../src/sandbox/sandbox.ts'

let url = ''

const apiKey = 'the-key-of-this-test'
const sandbox = createSandbox({
  publicUrl: () => url,
  apiKey,
  callbacksUrl: () => 'http://127.0.0.1:9/',
  secret: 'a secret',
  delayMs: 0,
  log: () => {},
})
const server = createServer((request, response) => sandbox.handle(request, response))

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listens on no port')
  url = `http://127.0.0.1:${address.port}`
})

afterAll(async () => {
  await sandbox.close()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

function get(name: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return fetch(`${url}/sandbox/files/${name}`, { headers, method })
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer())
}

/** Reads a 16-bit mono WAV file as strictly as a player does. */
function readWav(file: Buffer): Int16Array {
  expect(file.toString('latin1', 0, 4)).toBe('RIFF')
  expect(file.readUInt32LE(4)).toBe(file.length - 8)
  expect(file.toString('latin1', 8, 16)).toBe('WAVEfmt ')
  expect(file.readUInt32LE(16)).toBe(16)
  const [format, channels] = [file.readUInt16LE(20), file.readUInt16LE(22)]
  const [rate, bytesPerSecond] = [file.readUInt32LE(24), file.readUInt32LE(28)]
  const [blockBytes, bits] = [file.readUInt16LE(32), file.readUInt16LE(34)]
  expect({ format, channels, rate, bytesPerSecond, blockBytes, bits }).toEqual({
    format: 1,
    channels: 1,
    rate: 22_050,
    bytesPerSecond: 44_100,
    blockBytes: 2,
    bits: 16,
  })
  expect(file.toString('latin1', 36, 40)).toBe('data')
  expect(file.readUInt32LE(40)).toBe(file.length - 44)
  return Int16Array.from({ length: (file.length - 44) / 2 }, (_, index) => file.readInt16LE(44 + 2 * index))
}

const accepted = z.object({ data: z.object({ taskId: z.string() }) })
const succeeded = z.object({
  data: z.object({
    response: z.object({ originUrl: z.url(), originData: z.array(z.object({ audio_url: z.url() })) }),
  }),
})

async function download(address: string): Promise<Int16Array> {
  return readWav(await bytesOf(await fetch(address)))
}

/** Runs a separation and downloads its origin and its stems. */
async function separate(type: string): Promise<{ readonly origin: Int16Array; readonly stems: readonly Int16Array[] }> {
  const headers = { authorization: `Bearer ${apiKey}` }
  const order = { taskId: 'music-1', audioId: 'silent', type, callBackUrl: 'http://127.0.0.1:9/callback' }
  const submitted = await fetch(`${url}/sandbox/api/v1/vocal-removal/generate`, {
    method: 'POST',
    headers,
    body: JSON.stringify(order),
  })
  const { data } = accepted.parse(await submitted.json())
  const read = await fetch(`${url}/sandbox/api/v1/vocal-removal/record-info?taskId=${data.taskId}`, { headers })
  const { response } = succeeded.parse(await read.json()).data
  return {
    origin: await download(response.originUrl),
    stems: await Promise.all(response.originData.map((stem) => download(stem.audio_url))),
  }
}

describe('the song', () => {
  test.each([
    ['separate_vocal', 2],
    ['split_stem', 13],
  ])('is exactly the sum of the stems of %s, without clipping', async (type, count) => {
    const { origin, stems } = await separate(type)
    expect(stems).toHaveLength(count)
    const sum = new Int32Array(origin.length)
    for (const stem of stems) {
      expect(stem).toHaveLength(origin.length)
      for (let at = 0; at < sum.length; at++) sum[at] = sum[at]! + stem[at]!
    }
    expect(Buffer.from(Int32Array.from(origin).buffer).equals(Buffer.from(sum.buffer))).toBe(true)
    for (const samples of [origin, ...stems]) {
      const loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)
      expect(loudest).toBeGreaterThan(1000)
      expect(loudest).toBeLessThan(32_000)
    }
  })

  test('lasts 8 seconds', async () => {
    expect(readWav(await bytesOf(await get('mix.wav')))).toHaveLength(8 * 22_050)
  })

  test('is the same under every path', async () => {
    const [one, other] = [await bytesOf(await get('mix.wav')), await bytesOf(await get('0123abcd/mix.wav'))]
    expect(one.equals(other)).toBe(true)
  })
})

describe('a file', () => {
  const size = 44 + 2 * 8 * 22_050

  test('can be fetched whole by any page', async () => {
    const response = await get('vocal.wav', { origin: 'https://player.example' })
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': expect.stringContaining('Content-Range'),
      'accept-ranges': 'bytes',
      'cache-control': expect.stringContaining('max-age'),
      'content-type': 'audio/wav',
      'content-length': String(size),
    })
    expect((await bytesOf(response)).length).toBe(size)
  })

  test.each([
    ['bytes=0-43', 0, 43],
    ['bytes=44-', 44, size - 1],
    ['bytes=-100', size - 100, size - 1],
    ['bytes=0-0', 0, 0],
    [`bytes=${size - 1}-${size + 1000}`, size - 1, size - 1],
    [`bytes=-${size + 1000}`, 0, size - 1],
  ])('is served in part for %s', async (range, first, last) => {
    const whole = await bytesOf(await get('drums.wav'))
    const response = await get('drums.wav', { range })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/${size}`)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect((await bytesOf(response)).equals(whole.subarray(first, last + 1))).toBe(true)
  })

  test.each([`bytes=${size}-`, 'bytes=-0', 'bytes=99999999-100000000'])('has no bytes for %s', async (range) => {
    const response = await get('drums.wav', { range })
    expect(response.status).toBe(416)
    expect(response.headers.get('content-range')).toBe(`bytes */${size}`)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })

  test.each(['bytes=0-1,4-5', 'bytes=9-1', 'bytes=a-b', 'bytes=-', 'samples=0-1'])(
    'is given whole for %s',
    async (range) => {
      const response = await get('drums.wav', { range })
      expect(response.status).toBe(200)
      expect((await bytesOf(response)).length).toBe(size)
    },
  )

  test('is served in part only while its ETag matches If-Range', async () => {
    const etag = (await get('bass.wav', {}, 'HEAD')).headers.get('etag') ?? ''
    expect((await get('bass.wav', { range: 'bytes=0-1', 'if-range': etag })).status).toBe(206)
    expect((await get('bass.wav', { range: 'bytes=0-1', 'if-range': '"another"' })).status).toBe(200)
    expect((await get('bass.wav', { 'if-none-match': etag })).status).toBe(304)
  })

  test('answers HEAD with its size, without a body', async () => {
    const response = await get('fx.wav', { range: 'bytes=0-1' }, 'HEAD')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe(String(size))
    expect((await bytesOf(response)).length).toBe(0)
  })

  test('permits any page to request a range', async () => {
    const headers = {
      origin: 'https://player.example',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'range',
    }
    const response = await get('brass.wav', headers, 'OPTIONS')
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('range')
  })
})
