import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { oggBytes, readFiles, storeNewTask, untilArchived } from '../support/archive.ts'
import { plainFile, startFileServer } from '../support/file-server.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { sendS3Error, startS3Server } from '../support/s3-server.ts'

const bytes = oggBytes(200_000)
const soon = { timeout: 30_000, interval: 50 }

async function start(change: Readonly<Record<string, string>> = {}) {
  const s3 = await startS3Server()
  const files = await startFileServer(plainFile(bytes))
  const gateway = await startArchiving({ STEM_HOSTS_ALLOWED: files.host, ...s3.environment, ...change })
  const store = () => storeNewTask(gateway, { vocal: `${files.url}/vocal.ogg` })
  return { s3, files, gateway, store }
}

function startArchiving(environment: Readonly<Record<string, string>>): Promise<TestGateway> {
  return startGateway({ CHECK_INTERVAL_SECONDS: '0.2', ...environment }, onTestFinished, { archiveRetryMs: 50 })
}

async function read(gateway: TestGateway, taskId: string): Promise<Buffer> {
  const [stem] = (await readFiles(gateway, taskId)).allStems
  return Buffer.from(await (await fetch(stem?.url ?? '')).arrayBuffer())
}

test.each([
  ['a wrong secret', { ARCHIVE_S3_SECRET_ACCESS_KEY: 'a-wrong-secret' }, '403 SignatureDoesNotMatch'],
  ['a bucket that does not exist', { ARCHIVE_URL: 's3://no-such-bucket/stems' }, '404 NoSuchBucket'],
  ['a server that cannot be reached', { ARCHIVE_S3_ENDPOINT: `http://127.0.0.1:${await freePort()}` }, 'ECONNREFUSED'],
])('%s is logged, harms nothing, and the stems are archived once it is corrected', async (_what, mistake, logged) => {
  const { s3, gateway, store } = await start(mistake)
  await expect.poll(() => gateway.logged.join('\n'), soon).toContain(logged)
  const { id } = await store()
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200)
  expect((await read(gateway, id)).equals(bytes)).toBe(true)
  expect(await readFiles(gateway, id)).toMatchObject({ filesAvailable: true, allStems: [{ archived: false }] })
  await gateway.close()
  const corrected = await startArchiving({ ...gateway.environment, ...s3.environment })
  await untilArchived(corrected, id)
  expect(await s3.keys()).toHaveLength(1)
})

test.each<readonly [string, (request: IncomingMessage, response: ServerResponse) => void]>([
  ['is answered with 503 SlowDown', (_request, response) => sendS3Error(response, 503, 'SlowDown')],
  ['is cut', (request) => request.once('data', () => request.destroy())],
  [
    'arrives with other bytes',
    (request, response) => {
      request.resume().once('end', () => response.writeHead(200, { etag: `"${'0'.repeat(32)}"` }).end())
    },
  ],
])('an upload that %s is no copy, and is tried again', async (_what, interfere) => {
  const { s3, gateway, store } = await start()
  let uploads = 0
  s3.interfere((request, response) => {
    if (request.method !== 'PUT' || request.url?.includes('/sep_') !== true || ++uploads > 2) return false
    interfere(request, response)
    return true
  })
  const { id } = await store()
  await untilArchived(gateway, id)
  expect(uploads).toBe(3)
  expect(gateway.logged.join('\n')).toContain('the archive cannot be used')
  expect((await read(gateway, id)).equals(bytes)).toBe(true)
})

test('a bucket can be written to by a `fetch` that refuses a length which is given twice', async () => {
  const usual = getGlobalDispatcher()
  setGlobalDispatcher(new Agent())
  onTestFinished(() => setGlobalDispatcher(usual))
  const { s3, gateway } = await start()
  // What is written to try the bucket is deleted once it was written.
  await expect.poll(() => s3.requests.join('\n'), soon).toMatch(/^DELETE .*\.check-/m)
  expect(gateway.logged.join('\n')).not.toContain('the archive cannot be used')
})

test('a bucket that cannot be read leaves the stems to the provider', async () => {
  const { s3, files, gateway, store } = await start()
  const { id } = await store()
  await untilArchived(gateway, id)
  s3.interfere((_request, response) => {
    sendS3Error(response, 503, 'SlowDown')
    return true
  })
  const before = files.requests.length
  expect((await read(gateway, id)).equals(bytes)).toBe(true)
  expect(files.requests.length).toBeGreaterThan(before)
})

test('a gateway that stops ends an upload under way', async () => {
  const { s3, gateway, store } = await start()
  const hanging = new Promise<void>((resolve) => {
    s3.interfere((request) => {
      if (request.method === 'PUT' && request.url?.includes('/sep_') === true) resolve()
      return true
    })
  })
  await store()
  await hanging
  await gateway.close()
  expect(await s3.keys()).toEqual([])
})

test('a gateway that stops does not wait for the waveform of a copy', async () => {
  const { s3, files, gateway, store } = await start()
  const reading = new Promise<void>((resolve) => {
    s3.interfere((request) => {
      if (request.method === 'GET') resolve()
      return request.method === 'GET'
    })
  })
  await store()
  await reading
  await gateway.close()
  // When the bucket counts as unreadable, the file is read from the provider a second time.
  expect(files.requests).toHaveLength(1)
})

test('a download that the bucket cuts breaks the answer, so that a part never looks like the whole', async () => {
  const { s3, gateway, store } = await start()
  const { id } = await store()
  await untilArchived(gateway, id)
  s3.interfere((_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 50_000), () => response.destroy())
    return true
  })
  await expect(read(gateway, id)).rejects.toThrow('terminated')
})
