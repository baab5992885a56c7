import { describe, expect, test } from 'vitest'
import { openStoreOf } from '../support/database.ts'
import { chunkedFile, mp3Bytes, rangedFile, startFileServer, type ServeFile } from '../support/file-server.ts'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'
import { readLinks, storeTaskOf } from '../support/stem-link.ts'
import { stem } from '../support/tasks.ts'

const query = 'query ($id: ID!) { separation(taskId: $id) { allStems { format sizeBytes durationSeconds } } }'
const bytes = mp3Bytes(5_000)
/** What was seen of a file is stored after it was served. */
const patiently = { timeout: 20_000 }
const unknown = { format: null, sizeBytes: null, durationSeconds: null }

interface Facts {
  readonly format: string | null
  readonly sizeBytes: number | null
  readonly durationSeconds: number | null
}

async function factsOf(gateway: TestGateway, id: string): Promise<Facts | undefined> {
  const { data } = await gateway.ask(query, { id })
  const separation = data?.['separation'] as { allStems: readonly Facts[] } | undefined
  return separation?.allStems[0]
}

async function start(serve: ServeFile) {
  const files = await startFileServer(serve)
  const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host })
  const task = await storeTaskOf(gateway, `${files.url}/1.mp3`)
  const [link = ''] = await readLinks(gateway, task.id)
  return { files, gateway, task, link }
}

async function readOut(link: string, init: RequestInit = {}): Promise<void> {
  await (await fetch(link, init)).arrayBuffer()
}

describe('what is known of a file', () => {
  test('is shown once the file was served, also by answers that were read before and by other gateways', async () => {
    const { gateway, task, link } = await start(rangedFile(bytes))
    // The third is answered on the short way, and would be kept if nothing could be added to it.
    for (let nth = 0; nth < 3; nth++) expect(await factsOf(gateway, task.id)).toEqual(unknown)
    await readOut(link, { method: 'HEAD' })
    const known = { format: 'MP3', sizeBytes: 5_000, durationSeconds: null }
    await expect.poll(() => factsOf(gateway, task.id), patiently).toEqual(known)
    expect(await factsOf(gateway, task.id)).toEqual(known)
    const other = await startGateway({ ...gateway.environment, PORT: '0' })
    expect(await factsOf(other, task.id)).toEqual(known)
  })

  test('is the size as well once a file without a length was served whole', async () => {
    const { gateway, task, link } = await start(chunkedFile(bytes))
    await readOut(link, { method: 'HEAD' })
    await expect.poll(() => factsOf(gateway, task.id), patiently).toMatchObject({ format: 'MP3' })
    await readOut(link)
    await expect
      .poll(() => factsOf(gateway, task.id), patiently)
      .toEqual({ ...unknown, format: 'MP3', sizeBytes: 5_000 })
    const other = await startGateway({ ...gateway.environment, PORT: '0' })
    const part = await fetch(link.replace(gateway.url, other.url), { headers: { range: 'bytes=-5' } })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-range')).toBe('bytes 4995-4999/5000')
    await part.arrayBuffer()
  })

  test('does not change when the server gives another file at the same address', async () => {
    let size = 5_000
    const { gateway, task, link } = await start((request, response) => rangedFile(mp3Bytes(size))(request, response))
    await readOut(link)
    await expect.poll(() => factsOf(gateway, task.id), patiently).toMatchObject({ sizeBytes: 5_000 })
    size = 7_000
    const other = await startGateway({ ...gateway.environment, PORT: '0' })
    const response = await fetch(link.replace(gateway.url, other.url))
    expect((await response.arrayBuffer()).byteLength).toBe(7_000)
    expect(await factsOf(gateway, task.id)).toMatchObject({ sizeBytes: 5_000 })
  })

  test('is not what was known of another address of the stem', async () => {
    const { files, gateway, task, link } = await start(rangedFile(bytes))
    await readOut(link)
    await expect.poll(() => factsOf(gateway, task.id), patiently).toMatchObject({ sizeBytes: 5_000 })
    const store = await openStoreOf(gateway)
    const url = { value: `${files.url}/2.mp3`, by: 'record-info', atMs: Date.UTC(2030, 0, 2) } as const
    await store.replace({ ...task, revision: 2, stems: [stem('vocal', { url })] }, task)
    expect(await factsOf(gateway, task.id)).toEqual(unknown)
    await readOut(link)
    await expect.poll(() => factsOf(gateway, task.id), patiently).toMatchObject({ sizeBytes: 5_000 })
  })

  test.each([
    ['bare', 'MP3'],
    ['no-cors', 'WAV'],
  ])('is the duration of the test track %s', async (audioId, format) => {
    const gateway = await startGateway()
    const { id } = await untilSettled(gateway, await order(gateway, { audioId }))
    for (const link of await readLinks(gateway, id)) await readOut(link)
    await expect.poll(() => factsOf(gateway, id), patiently).toMatchObject({ format, sizeBytes: expect.any(Number) })
    const facts = await factsOf(gateway, id)
    expect(facts?.durationSeconds).toBeGreaterThan(7.9)
    expect(facts?.durationSeconds).toBeLessThan(8.1)
  })
})
