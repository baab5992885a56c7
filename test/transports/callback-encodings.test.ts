import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, test } from 'vitest'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, type Ending } from '../support/gateway.ts'
import { callbackOfSuccess, startPlayedProvider } from '../support/played-provider.ts'

const kib = 1024
const text = JSON.stringify({ ...callbackOfSuccess('provider-task-1'), msg: 'Готово' })
const utf8 = Buffer.from(text)
const utf16 = Buffer.from(text, 'utf16le')
const utf16be = Buffer.from(utf16).swap16()
const json = 'application/json'

/** A gateway with one order, and a function that sends raw bytes to its callback URL. */
async function start(atEnd: Ending) {
  const provider = await startPlayedProvider(atEnd)
  const gateway = await startGateway(provider.environment, atEnd)
  const taskId = await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const store = await openStoreOf(gateway, atEnd)
  return {
    savedCallbacks: () => store.savedCallbacks(taskId),
    async callBack(body: Buffer, headers: Readonly<Record<string, string>>) {
      const response = await fetch(callBackUrl, { method: 'POST', headers, body: Uint8Array.from(body) })
      return { status: response.status, headers: response.headers, text: await response.text() }
    },
  }
}

describe.concurrent('a callback is read', () => {
  test.for<readonly [string, Buffer, Readonly<Record<string, string>>]>([
    ['with a byte order mark', Buffer.from(`\u{feff}${text}`), { 'content-type': json }],
    ['in UTF-16 with a byte order mark', Buffer.from(`\u{feff}${text}`, 'utf16le'), { 'content-type': json }],
    [
      'in big-endian UTF-16 with a byte order mark',
      Buffer.from(`\u{feff}${text}`, 'utf16le').swap16(),
      { 'content-type': json },
    ],
    ['in UTF-16 with a charset', utf16, { 'content-type': `${json}; charset=utf-16` }],
    ['in UTF-16LE with a charset', utf16, { 'content-type': `${json}; charset="UTF-16LE"` }],
    ['in UTF-16BE with a charset', utf16be, { 'content-type': `${json};charset=utf-16be` }],
    ['in big-endian UTF-16 with the charset utf-16', utf16be, { 'content-type': `${json}; charset=utf-16` }],
    ['in UTF-16 without a charset', utf16, { 'content-type': json }],
    ['in UTF-16 with the charset utf-8', utf16be, { 'content-type': `${json}; charset=utf-8` }],
    ['in UTF-8 with the charset utf-16', utf8, { 'content-type': `${json}; charset=utf-16` }],
    ['in UTF-8 with an unknown charset', utf8, { 'content-type': `${json}; charset=x-none` }],
    ['without a content type', utf8, {}],
    ['with gzip', gzipSync(utf8), { 'content-type': json, 'content-encoding': 'gzip' }],
    ['with x-gzip', gzipSync(utf8), { 'content-type': json, 'content-encoding': 'X-GZIP' }],
    ['with gzip without Content-Encoding', gzipSync(utf8), { 'content-type': json }],
    ['with gzip in UTF-16', gzipSync(utf16), { 'content-type': json, 'content-encoding': 'gzip' }],
    ['with deflate', deflateSync(utf8), { 'content-type': json, 'content-encoding': 'deflate' }],
    [
      'with deflate without a zlib frame',
      deflateRawSync(utf8),
      { 'content-type': json, 'content-encoding': 'deflate' },
    ],
    ['with Brotli', brotliCompressSync(utf8), { 'content-type': json, 'content-encoding': 'br' }],
    ['uncompressed with Content-Encoding gzip', utf8, { 'content-type': json, 'content-encoding': 'gzip' }],
    ['uncompressed with Content-Encoding deflate', utf8, { 'content-type': json, 'content-encoding': 'deflate' }],
    ['uncompressed with an unknown Content-Encoding', utf8, { 'content-encoding': 'utf-8' }],
    ['with Content-Encoding identity', utf8, { 'content-type': json, 'content-encoding': 'identity' }],
  ])('%s', async ([, body, headers], { expect, onTestFinished }) => {
    const { callBack, savedCallbacks } = await start(onTestFinished)
    expect(await callBack(body, headers)).toMatchObject({ status: 200 })
    const report = { by: 'callback', providerTaskId: 'provider-task-1' }
    expect(await savedCallbacks()).toMatchObject([{ report, providerTaskId: 'provider-task-1' }])
  })
})

describe.concurrent('a callback is refused', () => {
  const bomb = Buffer.from(`${text.slice(0, -1)},"more":"${' '.repeat(64 * kib * kib)}"}`)
  test.for<readonly [string, Buffer, string]>([
    ['gzip', gzipSync(bomb), 'gzip'],
    ['deflate', deflateSync(bomb), 'deflate'],
    ['Brotli', brotliCompressSync(bomb), 'br'],
    ['concatenated gzip', Buffer.concat(Array.from({ length: 300 }, () => gzipSync(' '.repeat(kib)))), 'gzip'],
  ])('if its %s body decompresses to more than the limit', async ([, body, encoding], { expect, onTestFinished }) => {
    const { callBack, savedCallbacks } = await start(onTestFinished)
    expect(body.length).toBeLessThan(256 * kib)
    expect(await callBack(body, { 'content-type': json, 'content-encoding': encoding })).toMatchObject({
      status: 413,
      text: '{"message":"The body of a callback must not exceed 256 KiB."}',
    })
    expect(await savedCallbacks()).toEqual([])
  })

  test.for<readonly [string, Buffer, string]>([
    ['truncated', gzipSync(utf8).subarray(0, -20), 'gzip'],
    ['corrupt', Buffer.concat([gzipSync(utf8).subarray(0, 40), Buffer.alloc(100, 7)]), 'gzip'],
    ['compressed twice', gzipSync(gzipSync(utf8)), 'gzip, gzip'],
    ['not JSON', gzipSync('{'), 'gzip'],
    ['empty', Buffer.alloc(0), 'gzip'],
  ])('if its body is %s', async ([, body, encoding], { expect, onTestFinished }) => {
    const { callBack, savedCallbacks } = await start(onTestFinished)
    const { status } = await callBack(body, { 'content-type': json, 'content-encoding': encoding })
    expect(status).toBe(400)
    expect(await savedCallbacks()).toEqual([])
  })
})
