import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { order, startGateway } from '../support/gateway.ts'
import { accepted, sendBody, startPlayedProvider } from '../support/played-provider.ts'
import { webSocketUrl } from '../support/transports.ts'
import { next, watchOver, watchQuery } from '../support/watchers.ts'

describe('at shutdown', () => {
  async function startWithTask() {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '60000' })
    return { gateway, taskId: await order(gateway, { audioId: 'done' }) }
  }

  test('the gateway closes its sockets with 1012 and aborts its streams instead of completing them', async () => {
    const { gateway, taskId } = await startWithTask()
    const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init' }))
    await once(socket, 'message')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: watchQuery, variables: { taskId } } }))
    await once(socket, 'message')
    const after: string[] = []
    socket.on('message', (data: Buffer) => after.push(data.toString()))
    const stream = watchOver.SSE(gateway.url, taskId)
    await next(stream)
    expect(gateway.app.subscriptions()).toBe(2)

    const closed = once(socket, 'close')
    const cut = stream.next().then(() => 'told more', String)
    await gateway.close()
    expect((await closed)[0]).toBe(1012)
    expect(await cut).toBe('TypeError: terminated')
    expect(after).toEqual([])
    expect(gateway.app.subscriptions()).toBe(0)
  })

  test('a stream is aborted even if its client accepts any media type', async () => {
    const { gateway, taskId } = await startWithTask()
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: '*/*' },
      body: JSON.stringify({ query: watchQuery, variables: { taskId } }),
    })
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    await expect.poll(() => gateway.app.subscriptions()).toBe(1)
    const cut = response.text().then(() => 'ended', String)
    const startedAt = performance.now()
    await gateway.close()
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(await cut).toBe('TypeError: terminated')
  })

  test('clients that do not respond do not delay the gateway', async () => {
    const { gateway, taskId } = await startWithTask()
    const deaf = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
    onTestFinished(() => deaf.terminate())
    await once(deaf, 'open')
    deaf.pause()
    const stream = watchOver.SSE(gateway.url, taskId)
    await next(stream)
    const cut = stream.next().then(() => 'told more', String)
    // An idle keep-alive connection.
    const idle = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void idle.destroy())
    idle.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(idle, 'data')
    const ended = once(idle, 'close')
    // A connection without any request.
    const silent = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void silent.destroy())
    await once(silent, 'connect')

    const startedAt = performance.now()
    await gateway.close()
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(await cut).toBe('TypeError: terminated')
    await ended
    await expect(fetch(gateway.url)).rejects.toThrow('fetch failed')
  })

  test('a running request is answered, and the next one on the same connection is not started', async () => {
    const provider = await startPlayedProvider()
    let answerNow = () => {}
    provider.answerSubmit((response) => (answerNow = () => sendBody(response, accepted('their-task'))))
    const gateway = await startGateway(provider.environment)
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const request = (audioId: string) => {
      const body = JSON.stringify({
        query: `mutation { separate(input: { musicTaskId: "m", audioId: "${audioId}" }) { ... on SeparateSuccess { task { id } } } }`,
      })
      return `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }
    socket.write(request('first'))
    await provider.order(0)
    const closed = gateway.close()
    socket.write(request('second'))
    answerNow()
    let answers = ''
    for await (const chunk of socket) answers += String(chunk)
    await closed
    const [first, ...others] = answers.match(/HTTP\/1\.1 \d+/g) ?? []
    expect(first).toBe('HTTP/1.1 200')
    // The second request gets a 503 or no answer at all.
    expect(others.filter((status) => status !== 'HTTP/1.1 503')).toEqual([])
    expect(answers).toMatch(/^connection: close\r$/im)
    expect(answers).toContain('"sep_')
    expect(provider.orders).toHaveLength(1)
  })

  test('a stream that has not started yet is aborted too', async () => {
    const { gateway, taskId } = await startWithTask()
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const body = JSON.stringify({ query: watchQuery, variables: { taskId } })
    socket.write(
      `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    )
    // The gateway has accepted the request and waits for its body.
    expect(String((await once(socket, 'data'))[0])).toContain('100 Continue')
    const startedAt = performance.now()
    const closed = gateway.close()
    socket.write(body)
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    await closed
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(answer).not.toContain('event: complete')
    await expect.poll(() => gateway.app.subscriptions()).toBe(0)
  })
})
