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

/** A gateway with one order, which is called back with bytes as they are. */
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
    ['in UTF-16 that is named', utf16, { 'content-type': `${json}; charset=utf-16` }],
    ['in UTF-16LE that is named', utf16, { 'content-type': `${json}; charset="UTF-16LE"` }],
    ['in UTF-16BE that is named', utf16be, { 'content-type': `${json};charset=utf-16be` }],
    ['in big-endian UTF-16 that is named without its order', utf16be, { 'content-type': `${json}; charset=utf-16` }],
    ['in UTF-16 that is not named', utf16, { 'content-type': json }],
    ['in UTF-16 that is named UTF-8', utf16be, { 'content-type': `${json}; charset=utf-8` }],
    ['in UTF-8 that is named UTF-16', utf8, { 'content-type': `${json}; charset=utf-16` }],
    ['in UTF-8 with a charset that nobody knows', utf8, { 'content-type': `${json}; charset=x-none` }],
    ['without any type', utf8, {}],
    ['gzipped', gzipSync(utf8), { 'content-type': json, 'content-encoding': 'gzip' }],
    ['gzipped under the old name', gzipSync(utf8), { 'content-type': json, 'content-encoding': 'X-GZIP' }],
    ['gzipped without saying so', gzipSync(utf8), { 'content-type': json }],
    ['gzipped in UTF-16', gzipSync(utf16), { 'content-type': json, 'content-encoding': 'gzip' }],
    ['deflated', deflateSync(utf8), { 'content-type': json, 'content-encoding': 'deflate' }],
    ['deflated without a frame', deflateRawSync(utf8), { 'content-type': json, 'content-encoding': 'deflate' }],
    ['in Brotli', brotliCompressSync(utf8), { 'content-type': json, 'content-encoding': 'br' }],
    ['as it is, though it says that it is gzipped', utf8, { 'content-type': json, 'content-encoding': 'gzip' }],
    ['as it is, though it says that it is deflated', utf8, { 'content-type': json, 'content-encoding': 'deflate' }],
    ['as it is, though it names an encoding that is none', utf8, { 'content-encoding': 'utf-8' }],
    ['with the encoding identity', utf8, { 'content-type': json, 'content-encoding': 'identity' }],
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
    ['several gzips', Buffer.concat(Array.from({ length: 300 }, () => gzipSync(' '.repeat(kib)))), 'gzip'],
  ])('whose %s unpacks to more than the limit', async ([, body, encoding], { expect, onTestFinished }) => {
    const { callBack, savedCallbacks } = await start(onTestFinished)
    expect(body.length).toBeLessThan(256 * kib)
    expect(await callBack(body, { 'content-type': json, 'content-encoding': encoding })).toMatchObject({
      status: 413,
      text: '{"message":"The body of a callback must not exceed 256 KiB."}',
    })
    expect(await savedCallbacks()).toEqual([])
  })

  test.for<readonly [string, Buffer, string]>([
    ['is cut off', gzipSync(utf8).subarray(0, -20), 'gzip'],
    ['is broken', Buffer.concat([gzipSync(utf8).subarray(0, 40), Buffer.alloc(100, 7)]), 'gzip'],
    ['is packed twice', gzipSync(gzipSync(utf8)), 'gzip, gzip'],
    ['is no JSON', gzipSync('{'), 'gzip'],
    ['is nothing', Buffer.alloc(0), 'gzip'],
  ])('that %s', async ([, body, encoding], { expect, onTestFinished }) => {
    const { callBack, savedCallbacks } = await start(onTestFinished)
    const { status } = await callBack(body, { 'content-type': json, 'content-encoding': encoding })
    expect(status).toBe(400)
    expect(await savedCallbacks()).toEqual([])
  })
})
