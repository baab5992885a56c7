import { once } from 'node:events'
import { createServer } from 'node:http'
import { networkInterfaces } from 'node:os'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, twoCallers, webKey } from '../support/callers.ts'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'

const submit = '/sandbox/api/v1/vocal-removal/generate'
const apiCalls = [
  { method: 'POST', path: submit },
  { method: 'GET', path: '/sandbox/api/v1/vocal-removal/record-info?taskId=x' },
  { method: 'GET', path: '/sandbox/api/v1/chat/credit' },
]
const callers = [
  { what: 'no callers are configured', environment: {} },
  { what: 'ALLOW_ANONYMOUS is on', environment: { ALLOW_ANONYMOUS: 'true' } },
  { what: 'callers are configured', environment: twoCallers },
]

/** An external address of this machine. A connection to it comes from the same address. */
const outerAddress = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address

/** A server that counts its requests. */
async function startVictim() {
  const visits: string[] = []
  const server = createServer((request, response) => {
    visits.push(request.url ?? '')
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  return { url: `http://127.0.0.1:${address.port}`, visits }
}

async function chargesOf({ url }: TestGateway): Promise<number> {
  return JSON.parse((await ask(url, '/sandbox/ledger')).text).total
}

describe.each(callers)('while $what', ({ environment }) => {
  test("the sandbox's API answers only its own gateway and sends no callbacks for strangers", async () => {
    const victim = await startVictim()
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '0', ...environment })
    const body = JSON.stringify({ taskId: 'm', audioId: 'done', callBackUrl: `${victim.url}/callbacks/x` })
    for (const authorization of ['Bearer sandbox', 'Bearer ', `Bearer ${webKey}`, undefined]) {
      for (const createOrder of [{}, { host: 'stems.example', 'x-forwarded-for': '203.0.113.7' }]) {
        for (const { method, path } of apiCalls) {
          const headers = { ...createOrder, ...(authorization === undefined ? {} : { authorization }) }
          const { text } = await ask(gateway.url, path, { method, headers, ...(method === 'POST' ? { body } : {}) })
          expect(JSON.parse(text)).toEqual({ code: 401, msg: 'You do not have access permissions', data: null })
        }
      }
    }
    expect(await chargesOf(gateway)).toBe(0)
    expect(victim.visits).toEqual([])
  })
})

test('an order to the sandbox is settled by its callback', async () => {
  const gateway = await startGateway({ ALLOW_ANONYMOUS: 'true', CHECK_INTERVAL_SECONDS: '3600' })
  expect(await untilSettled(gateway, await order(gateway, { audioId: 'done' }))).toMatchObject({ status: 'SUCCESS' })
})

describe.skipIf(outerAddress === undefined)('for another machine', () => {
  const start = async (environment: Readonly<Record<string, string>>) => {
    const gateway = await startGateway({ HOST: '0.0.0.0', ...environment })
    const { port } = new URL(gateway.url)
    return { gateway, outside: `http://${outerAddress}:${port}` }
  }
  const loopbackNames = ['localhost', '127.0.0.1:4000', '[::1]']
  const operators = ['/metrics', '/sandbox/ledger', '/sandbox/tracks']

  test.each(callers.slice(1))('`Host: localhost` gives no access while $what', async ({ environment }) => {
    const { gateway, outside } = await start(environment)
    for (const path of operators) {
      for (const host of loopbackNames) {
        const { status } = await ask(outside, path, { headers: { host, authorization: `Bearer ${webKey}` } })
        expect({ path, host, status }).toEqual({ path, host, status: 403 })
      }
      expect((await ask(gateway.url, path)).status).toBe(200)
    }
  })

  test('the sandbox serves a gateway that listens on an external address only', async () => {
    const gateway = await startGateway({ HOST: outerAddress ?? '', ALLOW_ANONYMOUS: 'true' })
    expect(await untilSettled(gateway, await order(gateway, { audioId: 'done' }))).toMatchObject({ status: 'SUCCESS' })
  })
})
