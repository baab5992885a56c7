import { expect, test } from 'vitest'
import { ask, startGuarded, twoCallers } from '../support/callers.ts'
import { startGateway } from '../support/gateway.ts'

const person = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
const program = { accept: '*/*' }

test('a page carries a policy without inline scripts and styles, and allows stems from where they are', async () => {
  const { url } = await startGateway({ STEM_LINKS_URL: 'https://stems.example/files' })
  const { status, headers, text } = await ask(url, '/', { headers: person })
  expect(status).toBe(200)
  expect(headers['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
      "connect-src 'self' https://stems.example; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  )
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    vary: expect.stringMatching(/accept/i),
  })
  expect(text).not.toMatch(/<style|<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=/i)
})

test('the files of the page are sent once and then revalidated', async () => {
  const { url } = await startGateway()
  const first = await fetch(`${url}/web/page.js`)
  expect(first.headers.get('content-encoding')).toBe('gzip')
  const etag = first.headers.get('etag') ?? ''
  const again = await fetch(`${url}/web/page.js`, { headers: { 'if-none-match': etag } })
  expect(again.status).toBe(304)
  const plain = await ask(url, '/web/page.js', { headers: { 'accept-encoding': 'identity' } })
  expect(plain.headers['content-encoding']).toBeUndefined()
  expect(plain.text).toBe(await first.text())
  const head = await ask(url, '/', { method: 'HEAD', headers: person })
  expect([head.status, head.text]).toEqual([200, ''])
})

test('a program is sent from / to GraphQL, whether the page is on or off', async () => {
  for (const isOn of ['true', 'false']) {
    const { url } = await startGateway({ WEB_PAGE: isOn })
    const { status, headers } = await ask(url, '/', { headers: program })
    expect([status, headers.location]).toEqual([302, '/graphql'])
  }
})

test('a gateway whose page is off says what it is, and serves no files of the page', async () => {
  const { url } = await startGateway({ WEB_PAGE: 'false' })
  const { status, headers, text } = await ask(url, '/', { headers: person })
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('text/html; charset=utf-8')
  expect(text).toMatch(/gateway that separates songs.*\/graphql.*WEB_PAGE=true/s)
  expect((await ask(url, '/web/page.js')).status).toBe(404)
})

test.each([
  ['an unknown address', '/nothing', {}, 404, 'There is nothing here'],
  ['a link of a stem that is not valid', '/stems/sep_x/vocal/token/vocals.mp3', {}, 403, 'No file to show'],
  ['a request through a proxy', '/', { 'x-forwarded-for': '203.0.113.7' }, 403, 'You cannot enter here'],
  ['an operation through a proxy', '/graphql', { via: '1.1 proxy' }, 403, 'You cannot enter here'],
])('%s has a page for people and JSON for programs', async (_what, path, headers, status, heading) => {
  const { url } = await startGateway()
  const page = await ask(url, path, { headers: { ...headers, ...person } })
  expect(page.status).toBe(status)
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/)
  expect(page.text).toContain(`<h1>${heading}</h1>`)
  const json = await ask(url, path, { headers: { ...headers, ...program } })
  if (json.status !== 302) {
    expect(json.status).toBe(status)
    expect(JSON.parse(json.text)).toBeTypeOf('object')
  }
})

test('a person who opens an operation without a key is asked who they are', async () => {
  const { url } = await startGuarded(twoCallers)
  const page = await ask(url, '/graphql?query={__typename}', { headers: person })
  expect(page.status).toBe(401)
  expect(page.text).toContain('<h1>Who are you?</h1>')
  expect(page.headers['www-authenticate']).toMatch(/^Bearer/)
  const json = await ask(url, '/graphql?query={__typename}', { headers: program })
  expect(JSON.parse(json.text)).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
})
