import { describe, expect, test } from 'vitest'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'

const query = 'query ($id: ID!) { separation(taskId: $id) { allStems { url providerUrl label durationSeconds } } }'

interface ReadStem {
  readonly url: string
  readonly providerUrl: string
  readonly label: string | null
  readonly durationSeconds: number | null
}

async function stemsOf(gateway: TestGateway, audioId: string): Promise<readonly ReadStem[]> {
  const { id } = await untilSettled(gateway, await order(gateway, { audioId }))
  const { data } = await gateway.ask(query, { id })
  const separation = data?.['separation'] as { allStems: readonly ReadStem[] } | undefined
  return separation?.allStems ?? []
}

async function bytesAt(url: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(url, { headers })
  return { response, bytes: Buffer.from(await response.arrayBuffer()) }
}

describe('the gateway makes up for the file server of the test track', () => {
  test('no-cors: pages can read, seek and see the type', async () => {
    const gateway = await startGateway()
    const [stem] = await stemsOf(gateway, 'no-cors')
    const theirs = await bytesAt(stem?.providerUrl ?? '', { range: 'bytes=100-199' })
    expect(theirs.response.status).toBe(200)
    expect(theirs.response.headers.get('access-control-allow-origin')).toBeNull()
    const ours = await bytesAt(stem?.url ?? '', { range: 'bytes=100-199' })
    expect(ours.response.status).toBe(206)
    expect(Object.fromEntries(ours.response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'content-type': 'audio/wav',
      'content-range': `bytes 100-199/${theirs.bytes.length}`,
    })
    expect(ours.bytes.equals(theirs.bytes.subarray(100, 200))).toBe(true)
    const head = await fetch(stem?.url ?? '', { method: 'HEAD' })
    expect(head.headers.get('content-length')).toBe(String(theirs.bytes.length))
  })

  test('bare: an MP3 with spaces in its URL, and no label, duration or length', async () => {
    const gateway = await startGateway()
    const [stem] = await stemsOf(gateway, 'bare')
    expect(stem).toMatchObject({ label: null, durationSeconds: null })
    expect(stem?.providerUrl).toContain('/My%20Song%20(')
    expect(stem?.url).toMatch(/vocals\.mp3$/)
    const theirs = await bytesAt(stem?.providerUrl ?? '')
    expect(theirs.response.headers.get('content-length')).toBeNull()
    const whole = await bytesAt(stem?.url ?? '')
    expect(whole.response.headers.get('content-type')).toBe('audio/mpeg')
    expect(whole.bytes.equals(theirs.bytes)).toBe(true)
    const part = await bytesAt(stem?.url ?? '', { range: 'bytes=-50' })
    expect(part.response.status).toBe(206)
    expect(part.bytes.equals(theirs.bytes.subarray(-50))).toBe(true)
  })

  test('expired: a clear answer', async () => {
    const gateway = await startGateway()
    const [stem] = await stemsOf(gateway, 'expired')
    const { response, bytes } = await bytesAt(stem?.url ?? '')
    expect(response.status).toBe(404)
    expect(JSON.parse(bytes.toString())).toMatchObject({ code: 'FILE_NOT_FOUND' })
  })

  test('slow-files: the whole file', async () => {
    const gateway = await startGateway()
    const [stem] = await stemsOf(gateway, 'slow-files')
    const { response, bytes } = await bytesAt(stem?.url ?? '')
    expect(response.status).toBe(200)
    expect(bytes.length).toBe(Number(response.headers.get('content-length')))
  })
})
