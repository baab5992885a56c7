import type { LookupAddress } from 'node:dns'
import { describe, expect, test } from 'vitest'
import { createAddressRule } from '../../src/addresses/allowed-address.ts'
import type { Resolve } from '../../src/addresses/guarded-lookup.ts'
import { createProviderSource } from '../../src/stems/provider-source.ts'
import { isPublicAddress } from '../../src/addresses/public-address.ts'
import { mp3Bytes, plainFile, startFileServer } from '../support/file-server.ts'
import { startGateway } from '../support/gateway.ts'
import { linkOf } from '../support/stem-link.ts'
import { stem, succeededTask } from '../support/tasks.ts'

const special: readonly (readonly [name: string, addresses: readonly string[]])[] = [
  ['this machine', ['127.0.0.1', '127.255.0.1', '::1', '::', '0.0.0.0', '0.1.2.3']],
  ['private networks', ['10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd12::1', 'fec0::1']],
  ['links and metadata services', ['169.254.169.254', 'fe80::1', 'fe80::1%eth0']],
  [
    'IPv4 within IPv6',
    ['::ffff:10.0.0.1', '::ffff:7f00:1', '::7f00:1', '64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::'],
  ],
  [
    'groups and other purposes',
    ['224.0.0.1', '255.255.255.255', '240.0.0.1', 'ff02::1', '192.0.2.1', '2001:db8::1', '198.18.0.1'],
  ],
  ['no addresses', ['', 'example.com', '1.2.3', '127.1', '2130706433', '0x7f000001']],
]

test.each(special)('%s are not public', (_name, addresses) => {
  expect(addresses.filter(isPublicAddress)).toEqual([])
})

test('addresses of the Internet are public, however they are written', () => {
  const addresses = ['8.8.8.8', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808']
  expect(addresses.filter(isPublicAddress)).toEqual(addresses)
})

describe('redirects', () => {
  const rule = createAddressRule(['storage.example', '127.0.0.1:9000'])
  const named = new URL('https://files.example/1.mp3')
  test.each([
    ['https://files.example/2.mp3', 'public'],
    ['https://eu.files.example/2.mp3', 'public'],
    ['https://storage.example/2.mp3', 'any'],
    ['https://files.example:8443/2.mp3', 'public'],
    ['http://files.example/2.mp3', null],
    ['https://example/2.mp3', null],
    ['https://evilfiles.example/2.mp3', null],
    ['https://files.example.evil.example/2.mp3', null],
    ['https://127.0.0.1/2.mp3', null],
    ['ftp://files.example/2.mp3', null],
    ['data:audio/mpeg,1', null],
  ])('from https://files.example to %s: %s', (to, permission) => {
    expect(rule.ofRedirect(new URL(to), named, named)).toBe(permission)
  })
})

describe('a gateway fetches nothing from', () => {
  test.each([
    ['loopback', (port: string) => `http://127.0.0.1:${port}/1.mp3`],
    ['a decimal address', (port: string) => `http://2130706433:${port}/1.mp3`],
    ['a short hexadecimal address', (port: string) => `http://0x7f.1:${port}/1.mp3`],
    ['an address within IPv6', (port: string) => `http://[::ffff:127.0.0.1]:${port}/1.mp3`],
    ['the unspecified address', (port: string) => `http://0.0.0.0:${port}/1.mp3`],
    ['a name of this machine', (port: string) => `http://localhost:${port}/1.mp3`],
    ['another port of an allowed host', (port: string) => `http://127.0.0.1:${port}/1.mp3`],
  ])('%s', async (_name, addressOf) => {
    const files = await startFileServer(plainFile(mp3Bytes(100)))
    const gateway = await startGateway({ STEM_HOSTS_ALLOWED: '127.0.0.1:9,files.example' })
    const response = await fetch(await linkOf(gateway, addressOf(new URL(files.url).port)))
    expect(response.status).toBe(502)
    expect(await response.text()).toContain('FILE_ADDRESS_NOT_ALLOWED')
    expect(files.requests).toHaveLength(0)
  })

  test.each([
    ['another port', ({ url }: { url: string }) => url],
    ['a name of this machine', ({ url }: { url: string }) => url.replace('127.0.0.1', 'localhost')],
    ['itself, again and again', () => '/again.mp3'],
    ['nowhere', () => 'http://'],
  ])('where an allowed server redirects: %s', async (_name, to) => {
    const inside = await startFileServer(plainFile(mp3Bytes(100)))
    const files = await startFileServer((_request, response) => {
      response.writeHead(302, { location: to(inside) }).end()
    })
    const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host })
    const response = await fetch(await linkOf(gateway, `${files.url}/1.mp3`))
    expect(response.status).toBe(502)
    expect(await response.text()).toContain('FILE_ADDRESS_NOT_ALLOWED')
    expect(inside.requests).toHaveLength(0)
    expect(files.requests.length).toBeLessThanOrEqual(4)
  })

  test('but follows a redirect within the host', async () => {
    const files = await startFileServer((request, response) => {
      if (request.url === '/moved.mp3') void plainFile(mp3Bytes(100))(request, response)
      else response.writeHead(307, { location: 'moved.mp3' }).end()
    })
    const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host })
    expect((await fetch(await linkOf(gateway, `${files.url}/1.mp3`))).status).toBe(200)
  })
})

describe('a name that leads to another address by now', () => {
  function sourceWith(addresses: () => readonly string[]) {
    const resolve: Resolve = (_host, _options, callback) => {
      const found: LookupAddress[] = addresses().map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
      callback(null, found)
    }
    return createProviderSource({
      allowedHosts: [],
      ownAddressOf: () => null,
      userAgent: 'test',
      timeoutMs: 1_000,
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      resolve,
    })
  }

  test.each([[['127.0.0.1']], [['::1']], [['::ffff:127.0.0.1', '10.0.0.1']]])(
    '%s is not connected to',
    async (addresses) => {
      const files = await startFileServer(plainFile(mp3Bytes(100)))
      const source = sourceWith(() => addresses)
      const url = {
        value: `http://files.example:${new URL(files.url).port}/1.mp3`,
        by: 'record-info',
        atMs: 0,
      } as const
      const vocal = stem('vocal', { url })
      const opened = await source.open(
        { task: succeededTask({ stems: [vocal] }), stem: vocal },
        null,
        new AbortController().signal,
      )
      source.close()
      expect(opened).toEqual({ kind: 'not-allowed' })
      expect(files.requests).toHaveLength(0)
    },
  )
})
