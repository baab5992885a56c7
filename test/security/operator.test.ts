import { once } from 'node:events'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, secrets, startGuarded, twoCallers, webKey } from '../support/callers.ts'
import { canary } from '../support/canaries.ts'
import type { TestGateway } from '../support/gateway.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { mistakesIn } from '../support/config-mistakes.ts'

const adminToken = `token-of-the-operator-${canary}`
secrets.add(adminToken)
const withToken = { authorization: `Bearer ${adminToken}` }
const elsewhere = { host: 'stems.example', 'x-forwarded-for': '203.0.113.7' }
const anyPort = { ADMIN_PORT: '0' }

/** An external address of this machine. A connection to it comes from the same address. */
const outerAddress = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address

function adminUrlOf({ app }: TestGateway): string {
  if (app.adminUrl === null) throw new Error('ADMIN_PORT is not set.')
  return app.adminUrl
}

async function statusesOf(url: string, path: string, all: readonly Record<string, string>[]): Promise<number[]> {
  const statuses: number[] = []
  for (const headers of all) statuses.push((await ask(url, path, { headers })).status)
  return statuses
}

describe('ADMIN_TOKEN', () => {
  const attempts = [
    {},
    elsewhere,
    { ...elsewhere, authorization: `Bearer ${webKey}` },
    { authorization: `Bearer ${webKey}` },
    { authorization: `Bearer ${adminToken}0` },
    { authorization: adminToken },
  ]

  test.each([
    ['no callers are configured', {}],
    ['ALLOW_ANONYMOUS is on', { ALLOW_ANONYMOUS: 'true' }],
    ['callers are configured', twoCallers],
  ])('gives access to the metrics from every machine, and nothing else does, while %s', async (_what, environment) => {
    const { url } = await startGuarded({ ...environment, ADMIN_TOKEN: adminToken })
    for (const headers of [withToken, { ...withToken, ...elsewhere }]) {
      expect(await ask(url, '/metrics', { headers })).toMatchObject({
        status: 200,
        text: expect.stringContaining('# HELP'),
      })
    }
    for (const headers of attempts) {
      expect(await ask(url, '/metrics', { headers })).toMatchObject({
        status: 401,
        headers: { 'www-authenticate': 'Bearer realm="stemgate"' },
        text: expect.stringContaining('ADMIN_TOKEN'),
      })
    }
  })

  test('gives access to the readiness from every machine, and changes nothing for other requests', async () => {
    const { url } = await startGuarded({ ADMIN_TOKEN: adminToken })
    expect(await statusesOf(url, '/health/ready', [{}, withToken, { ...withToken, ...elsewhere }])).toEqual([
      200, 200, 200,
    ])
    expect(await statusesOf(url, '/health/ready', [elsewhere, { ...elsewhere, authorization: 'Bearer x' }])).toEqual([
      403, 403,
    ])
  })

  test('is not a credential of a caller', async () => {
    const { url } = await startGuarded({ ...twoCallers, ADMIN_TOKEN: adminToken })
    const path = '/graphql?query=%7B__typename%7D'
    expect(await statusesOf(url, path, [withToken, { authorization: `Bearer ${webKey}` }])).toEqual([401, 200])
    expect(await statusesOf(url, '/sandbox/ledger', [{ ...withToken, ...elsewhere }])).toEqual([403])
  })
})

describe('ADMIN_PORT', () => {
  test('serves metrics and health on this machine instead of the main port’s metrics', async () => {
    const gateway = await startGuarded({ ...twoCallers, ...anyPort })
    const adminUrl = adminUrlOf(gateway)
    expect(adminUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await ask(adminUrl, '/metrics')).text).toContain('# HELP')
    expect((await ask(adminUrl, '/health/ready')).text).toBe('{"status":"ready"}')
    expect((await ask(adminUrl, '/health/live')).text).toBe('{"status":"live"}')
    for (const path of ['/', '/graphql', '/sandbox/ledger', '/sandbox/api/v1/chat/credit', '/callbacks/kie/x/y']) {
      expect((await ask(adminUrl, path)).status).toBe(404)
    }
    expect(await statusesOf(gateway.url, '/metrics', [{}, { authorization: `Bearer ${webKey}` }])).toEqual([404, 404])
    expect(await statusesOf(gateway.url, '/health/ready', [{}, elsewhere])).toEqual([200, 200])
  })

  test('refuses web pages and proxies that point to this machine', async () => {
    const adminUrl = adminUrlOf(await startGuarded({ ...twoCallers, ...anyPort }))
    for (const path of ['/metrics', '/health/ready']) {
      for (const headers of [{ host: 'evil.example' }, { 'x-forwarded-for': '203.0.113.7' }]) {
        expect(await statusesOf(adminUrl, path, [headers])).toEqual([403])
      }
    }
  })

  test('requires ADMIN_TOKEN for the metrics if it is set, on both ports', async () => {
    const gateway = await startGuarded({ ...twoCallers, ...anyPort, ADMIN_TOKEN: adminToken })
    for (const url of [adminUrlOf(gateway), gateway.url]) {
      expect(await statusesOf(url, '/metrics', [{}, withToken, { ...withToken, ...elsewhere }])).toEqual([
        401, 200, 200,
      ])
      expect(await statusesOf(url, '/health/ready', [{}, withToken])).toEqual([200, 200])
    }
  })

  test.skipIf(outerAddress === undefined)('serves other machines if ADMIN_HOST is an external address', async () => {
    const here = await startGuarded({ HOST: '0.0.0.0', ...twoCallers, ...anyPort })
    const { port } = new URL(adminUrlOf(here))
    await expect(ask(`http://${outerAddress}:${port}`, '/metrics')).rejects.toThrow('ECONNREFUSED')

    const open = await startGuarded({ ...twoCallers, ...anyPort, ADMIN_HOST: '0.0.0.0' })
    const outside = `http://${outerAddress}:${new URL(adminUrlOf(open)).port}`
    expect(await statusesOf(outside, '/metrics', [{}, { host: 'gateway-1:4001' }])).toEqual([200, 200])
    expect(await statusesOf(outside, '/health/ready', [{}])).toEqual([200])

    const guarded = await startGuarded({ ...twoCallers, ...anyPort, ADMIN_HOST: '0.0.0.0', ADMIN_TOKEN: adminToken })
    const asked = `http://${outerAddress}:${new URL(adminUrlOf(guarded)).port}`
    expect(await statusesOf(asked, '/metrics', [{}, withToken])).toEqual([401, 200])
    // The health checks of a container have no token.
    expect(await statusesOf(asked, '/health/ready', [{}])).toEqual([200])
  })

  test('is off by default, so that two gateways can run on one machine', async () => {
    const gateways = [await startGuarded({}), await startGuarded({})]
    for (const { app, url } of gateways) {
      expect(app.adminUrl).toBeNull()
      expect((await ask(url, '/metrics')).status).toBe(200)
    }
  })

  test('prevents the start with a message if it is in use', async () => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const address = other.address()
    if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
    const program = startProgram({ DATABASE_URL: await newDatabaseUrl(), ADMIN_PORT: String(address.port) })
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toContain(`port ${address.port} on 127.0.0.1 is in use. Set ADMIN_PORT to a free port`)
  })

  test('is named in the start message, with a warning if everyone who can reach it can read the metrics', async () => {
    const start = async (more: Record<string, string>) => {
      const program = startProgram({ DATABASE_URL: await newDatabaseUrl(), ...anyPort, ...more })
      await program.url
      return program.stdout()
    }
    const own = await start({})
    expect(own).toMatch(/Metrics {7}http:\/\/127\.0\.0\.1:\d+\/metrics/)
    expect(own).not.toContain('! ADMIN_HOST')
    expect(await start({ ADMIN_HOST: '0.0.0.0' })).toContain('! ADMIN_HOST')
    expect(await start({ ADMIN_HOST: '0.0.0.0', ADMIN_TOKEN: adminToken })).not.toContain('! ADMIN_HOST')
  })
})

test('mistakes in ADMIN_HOST, ADMIN_PORT and ADMIN_TOKEN are reported together, without a secret', () => {
  expect(mistakesIn({ ADMIN_PORT: '4000', PORT: '4000' })).toEqual(['ADMIN_PORT must differ from PORT.'])
  expect(mistakesIn({ ADMIN_HOST: '0.0.0.0' })).toEqual([
    'ADMIN_HOST has no effect without ADMIN_PORT: set ADMIN_PORT too.',
  ])
  expect(mistakesIn({ ADMIN_PORT: 'x', ADMIN_TOKEN: 'short' })).toEqual([
    'ADMIN_PORT must be a whole number from 0 to 65535.',
    'ADMIN_TOKEN must have at least 16 characters.',
  ])
  const shared = mistakesIn({ ...twoCallers, SANDBOX: 'true', ADMIN_TOKEN: webKey })
  expect(shared).toEqual(['ADMIN_TOKEN must differ from the key of the caller web.'])
})
