import { describe, expect, test } from 'vitest'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { openStoreOf } from '../support/database.ts'
import { startFileServer, mp3Bytes, rangedFile, plainFile } from '../support/file-server.ts'
import { order, startGateway, untilSettled } from '../support/gateway.ts'
import { parseImpatiently } from '../support/impatient-config.ts'
import { linkOf, readLinks, storeTaskOf } from '../support/stem-link.ts'
import { stem } from '../support/tasks.ts'
import { twoCallers, callerOf, webKey } from '../support/callers.ts'

const bytes = mp3Bytes(10_000)
const webOrigin = { origin: 'https://app.example' }

async function start(environment: Readonly<Record<string, string>> = {}) {
  const files = await startFileServer(rangedFile(bytes))
  const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host, ...environment })
  return { files, gateway, fileUrl: `${files.url}/a/1.mp3` }
}

describe('a stem is read by a link of the gateway', () => {
  test('a page of any origin reads the file with its type, length and validator', async () => {
    const { gateway, fileUrl } = await start()
    const link = await linkOf(gateway, fileUrl)
    expect(link).toMatch(new RegExp(`^${gateway.url}/stems/sep_[0-9a-z]{26}/vocal/[\\w-]{43}/vocals\\.mp3$`))
    const response = await fetch(link, { headers: webOrigin })
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'content-type': 'audio/mpeg',
      'content-length': '10000',
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"[\w-]{22}"$/),
      'cache-control': 'public, max-age=86400, no-transform',
      'x-content-type-options': 'nosniff',
    })
    expect(response.headers.get('access-control-expose-headers')).toContain('Content-Range')
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
  })

  test('a preflight is answered whatever the link', async () => {
    const { gateway } = await start()
    const response = await fetch(`${gateway.url}/stems/x`, {
      method: 'OPTIONS',
      headers: { ...webOrigin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'range' },
    })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toContain('Range')
  })

  test('HEAD answers like GET without the file, also if the server knows no ranges', async () => {
    const { gateway, fileUrl } = await start()
    const link = await linkOf(gateway, fileUrl)
    const [head, get] = [await fetch(link, { method: 'HEAD' }), await fetch(link)]
    await get.arrayBuffer()
    const shown = (response: Response) =>
      ['content-type', 'content-length', 'accept-ranges', 'etag', 'content-disposition'].map((name) =>
        response.headers.get(name),
      )
    expect(shown(head)).toEqual(shown(get))
    expect(await head.text()).toBe('')

    const plain = await startFileServer(plainFile(bytes))
    const other = await startGateway({ STEM_HOSTS_ALLOWED: plain.host })
    const response = await fetch(await linkOf(other, `${plain.url}/file`), { method: 'HEAD' })
    expect(response.headers.get('content-length')).toBe('10000')
    expect(response.headers.get('content-type')).toBe('audio/mpeg')
    await plain.idle()
  })

  test('the download has a name that people understand, in every alphabet', async () => {
    const { gateway, fileUrl } = await start()
    const link = await linkOf(gateway, fileUrl, { audioId: 'Ma chanson/été' })
    const named = await fetch(`${link}?download=1`)
    await named.arrayBuffer()
    expect(named.headers.get('content-disposition')).toBe(
      `attachment; filename="Ma chanson__t_ - Vocals.mp3"; filename*=UTF-8''Ma%20chanson_%C3%A9t%C3%A9%20%E2%80%93%20Vocals.mp3`,
    )
    const shown = await fetch(link)
    await shown.arrayBuffer()
    expect(shown.headers.get('content-disposition')).toMatch(/^inline; /)
  })

  test('a file that has not changed is not sent again', async () => {
    const { gateway, fileUrl } = await start()
    const link = await linkOf(gateway, fileUrl)
    const first = await fetch(link)
    await first.arrayBuffer()
    const etag = first.headers.get('etag') ?? ''
    const again = await fetch(link, { headers: { 'if-none-match': `"other", W/${etag}`, 'cache-control': 'no-cache' } })
    expect(again.status).toBe(304)
    expect(again.headers.get('etag')).toBe(etag)
  })

  test('the sandbox needs no allowed hosts, also if PUBLIC_URL leads elsewhere', async () => {
    const gateway = await startGateway({
      STEM_LINKS_URL: 'http://localhost:1',
      PUBLIC_URL: 'http://127.0.0.1:9/gateway',
      CHECK_INTERVAL_SECONDS: '2',
    })
    const { id } = await untilSettled(gateway, await order(gateway, { audioId: 'silent' }))
    const links = await readLinks(gateway, id)
    expect(links).toHaveLength(2)
    for (const link of links) {
      expect(link.startsWith('http://localhost:1/stems/')).toBe(true)
      const response = await fetch(link.replace('http://localhost:1', gateway.url), {
        headers: { range: 'bytes=0-43' },
      })
      expect(response.status).toBe(206)
      expect(response.headers.get('content-type')).toBe('audio/wav')
    }
  }, 60_000)
})

describe('the link is the credential', () => {
  test('a page needs no key for it, and every gateway of the store accepts it, also after a restart', async () => {
    const { gateway, fileUrl } = await start(twoCallers)
    const task = await storeTaskOf(gateway, fileUrl, { owner: 'key:web' })
    const read = async (at: { url: string }) => {
      const query = `{ separation(taskId: "${task.id}") { allStems { url providerUrl } } }`
      const { data } = await callerOf(at, webKey).result(query)
      const separation = data?.['separation'] as { allStems: { url: string; providerUrl: string }[] } | undefined
      return separation?.allStems[0]
    }
    const stemOfTask = await read(gateway)
    expect(stemOfTask?.providerUrl).toBe(fileUrl)
    const link = new URL(stemOfTask?.url ?? '')
    expect((await fetch(link)).status).toBe(200)

    await gateway.close()
    const restarted = await startGateway(gateway.environment)
    expect(new URL((await read(restarted))?.url ?? '').pathname).toBe(link.pathname)
    expect((await fetch(`${restarted.url}${link.pathname}`)).status).toBe(200)
  })

  test('every link that is not valid gets the same answer', async () => {
    const { gateway, fileUrl, files } = await start()
    const link = new URL(await linkOf(gateway, fileUrl))
    const [, , taskId = '', name = '', token = '', file = ''] = link.pathname.split('/')
    const [otherTask, expired] = [
      await storeTaskOf(gateway, fileUrl),
      await linkOf(gateway, fileUrl, {
        completedAtMs: { value: Date.UTC(2020, 0, 1), by: 'record-info', isReported: true },
      }),
    ]
    const flipped = `${token.startsWith('A') ? 'B' : 'A'}${token.slice(1)}`
    const foreign = await startGateway({ STEM_HOSTS_ALLOWED: files.host })
    const paths = [
      `/stems/${taskId}/${name}/${flipped}/${file}`,
      `/stems/${taskId}/${name}/${token.slice(1)}/${file}`,
      `/stems/${taskId}/${name}/${token}/other.mp3`,
      `/stems/${taskId}/${name}/${token}/`,
      `/stems/${taskId}/${name}/${token}`,
      `/stems/${taskId}/instrumental/${token}/${file}`,
      `/stems/${otherTask.id}/${name}/${token}/${file}`,
      `/stems/${newTaskId()}/${name}/${token}/${file}`,
      `/stems/${taskId}/%zz/${token}/${file}`,
      '/stems/',
      new URL(expired).pathname,
      new URL(await linkOf(foreign, fileUrl)).pathname,
    ]
    const answers = await Promise.all(
      paths.map(async (path) => {
        const response = await fetch(`${gateway.url}${path}`, { headers: webOrigin })
        const ofEach = ['date', 'x-request-id', 'traceparent']
        const headers = Object.fromEntries([...response.headers].filter(([header]) => !ofEach.includes(header)))
        return { status: response.status, headers, text: await response.text() }
      }),
    )
    expect(answers[0]).toMatchObject({ status: 403, headers: { 'access-control-allow-origin': '*' } })
    for (const [index, answer] of answers.entries())
      expect({ path: paths[index], ...answer }).toEqual({ path: paths[index], ...answers[0] })
    expect(files.requests).toHaveLength(0)
    expect(gateway.logged.join('\n')).not.toContain(token)
  })

  test('the link stays the same when the provider names another host, and when the secret is replaced', async () => {
    const { gateway, fileUrl } = await start()
    const task = await storeTaskOf(gateway, fileUrl)
    const [link = ''] = await readLinks(gateway, task.id)
    const store = await openStoreOf(gateway)
    const url = { value: 'https://elsewhere.example/2.mp3', by: 'record-info', atMs: Date.UTC(2030, 0, 2) } as const
    await store.replace({ ...task, revision: 2, stems: [stem('vocal', { url })] }, task)
    expect(await readLinks(gateway, task.id)).toEqual([link])

    const rotated = await startGateway({ ...gateway.environment, CALLBACK_SECRET: 'another-secret-hunter2' })
    const path = new URL(link).pathname
    expect((await fetch(`${rotated.url}${path}`)).status).not.toBe(403)
    expect(new URL((await readLinks(rotated, task.id))[0] ?? '').pathname).not.toBe(path)
  })

  test('the link is signed with a new secret at once when the secrets are reloaded, also in answers that are kept', async () => {
    const [older, newer] = ['older-secret-hunter2', 'newer-secret-hunter2']
    const { gateway, fileUrl } = await start({ CALLBACK_SECRET: older })
    const task = await storeTaskOf(gateway, fileUrl)
    // The second answer is kept, and the third is the kept one.
    const before = new Set<string>()
    for (let nth = 0; nth < 3; nth += 1) before.add((await readLinks(gateway, task.id))[0] ?? '')
    const reload = (secrets: string) =>
      gateway.app.reconfigure(parseImpatiently({ ...gateway.environment, SANDBOX: 'true', CALLBACK_SECRET: secrets }))
    const statusOf = async (link: string) => (await fetch(link, { method: 'HEAD' })).status

    reload(`${newer},${older}`)
    const [link = ''] = await readLinks(gateway, task.id)
    expect(before).not.toContain(link)
    expect(await Promise.all([...before, link].map(statusOf))).toEqual([200, 200])
    reload(newer)
    expect(await Promise.all([...before, link].map(statusOf))).toEqual([403, 200])
  })

  test('STEM_LINKS=direct gives the addresses of the provider, and serves no links', async () => {
    const { gateway, fileUrl } = await start({ STEM_LINKS: 'direct' })
    expect(await linkOf(gateway, fileUrl)).toBe(fileUrl)
    expect((await fetch(`${gateway.url}/stems/x`)).status).toBe(404)
  })
})
