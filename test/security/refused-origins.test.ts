import { once } from 'node:events'
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startGateway, type TestGateway } from '../support/gateway.ts'

/** Sends a request with these headers of a page and returns the status. Not by fetch, which sets these headers itself. */
async function sendFrom(gateway: TestGateway, headers: Record<string, string>, method = 'POST'): Promise<number> {
  const sent = request(`${gateway.url}/graphql`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
  }).end(method === 'POST' ? '{"query":"{ __typename }"}' : undefined)
  const [response] = await once(sent, 'response')
  response.resume()
  await once(response, 'end')
  return response.statusCode
}

/** Opens a socket as a page of this origin does, and returns the outcome. */
function connectFrom(gateway: TestGateway, origin: string): Promise<string> {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { origin })
  return new Promise((resolve) => {
    socket.on('open', () => {
      socket.close()
      resolve('open')
    })
    socket.on('error', (error) => resolve(error.message))
  })
}

function refusalsIn(gateway: TestGateway): { origin: string; message: string }[] {
  return gateway.logged.filter((line) => line.includes('CORS_ORIGINS')).map((line) => JSON.parse(line))
}

test('a refused origin is logged once, with the variable that would allow it', async () => {
  const gateway = await startGateway({ CORS_ORIGINS: 'https://listed.example' })
  const foreign = 'https://app.example'
  const preflight = { origin: foreign, 'access-control-request-method': 'POST' }
  await sendFrom(gateway, preflight, 'OPTIONS')
  for (let i = 0; i < 3; i++) {
    await sendFrom(gateway, { origin: foreign })
    expect(await connectFrom(gateway, foreign)).toMatch(/403/)
  }
  expect(refusalsIn(gateway)).toEqual([
    {
      level: 'warn',
      event: 'origin.refused',
      origin: foreign,
      message: 'pages of this origin are refused: add it to CORS_ORIGINS to allow them',
    },
  ])
  expect(await connectFrom(gateway, 'http://other.example:5173')).toMatch(/403/)
  expect(refusalsIn(gateway).map(({ origin }) => origin)).toEqual([foreign, 'http://other.example:5173'])
})

test('allowed pages and clients without a page are not logged as refused', async () => {
  const gateway = await startGateway({ CORS_ORIGINS: 'https://listed.example' })
  for (const headers of [
    { origin: 'https://listed.example' },
    { origin: gateway.url },
    { origin: 'https://behind-a-proxy.example', 'sec-fetch-site': 'same-origin' },
    {},
  ]) {
    expect(await sendFrom(gateway, headers)).toBe(200)
  }
  expect(await connectFrom(gateway, 'https://listed.example')).toBe('open')
  expect(await connectFrom(gateway, gateway.url)).toBe('open')
  expect(refusalsIn(gateway)).toEqual([])
})

test('a refused page without an origin gets its own log message, because CORS_ORIGINS cannot list it', async () => {
  const gateway = await startGateway()
  expect(await connectFrom(gateway, 'null')).toMatch(/403/)
  expect(refusalsIn(gateway)).toMatchObject([{ origin: 'null', message: expect.stringContaining('local file') }])
})

test('a client that invents origins does not fill the log', async () => {
  const gateway = await startGateway()
  for (let i = 0; i < 150; i++) await sendFrom(gateway, { origin: `https://${i}.example` })
  await sendFrom(gateway, { origin: `https://${'x'.repeat(5_000)}.example` })
  expect(refusalsIn(gateway)).toHaveLength(100)
  expect(gateway.logged.filter((line) => line.includes('no more origins are logged'))).toHaveLength(1)
  expect(Math.max(...gateway.logged.map((line) => line.length))).toBeLessThan(2_000)
})
