import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { build, preview } from 'vite'
import { isBrowserThere, launchBrowser } from '../support/browser.ts'
import { startGateway } from '../support/gateway.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
const delayed = { SANDBOX_DELAY_MS: '300' }

let browser: Promise<Browser> | null = null
afterAll(async () => (await browser)?.close())

describe.skipIf(!isBrowserThere())('an example in a browser', { timeout: 120_000 }, () => {
  test.each(['react-apollo', 'urql'])('%s is built, orders, and plays and saves the stems', async (name) => {
    const gateway = await startGateway(delayed)
    await order(await openPage(await serveBuilt(name, gateway.url)), name)
  })

  test('plain-html orders from an origin of its own, and plays and saves the stems', async () => {
    const origin = await serveFiles()
    const gateway = await startGateway({ ...delayed, CORS_ORIGINS: origin })
    await order(await openPage(`${origin}/examples/plain-html/index.html?gateway=${gateway.url}`), 'plain-html')
  })
})

/** What every example can do. */
async function order(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Order' }).click()
  await page.getByRole('listitem').nth(1).waitFor()
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `example-${name}.png`) })
  const first = page.locator('audio').first()
  await first.evaluate((audio: HTMLAudioElement) => audio.play())
  await expect.poll(() => first.evaluate((audio: HTMLAudioElement) => audio.currentTime)).toBeGreaterThan(0)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download VOCAL' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('done – Vocals.wav')
}

/** Builds an example as `vite build` does, and serves it with its proxy; resolves to its address. */
async function serveBuilt(name: string, gatewayUrl: string): Promise<string> {
  const root = join(project, 'examples', name)
  const outDir = await mkdtemp(join(tmpdir(), 'stemgate-example-'))
  onTestFinished(() => rm(outDir, { recursive: true, force: true }))
  const common = { root, logLevel: 'error', build: { outDir, emptyOutDir: true } } as const
  await build(common)
  const proxy = { '/graphql': { target: gatewayUrl, ws: true } }
  const server = await preview({ ...common, preview: { host: '127.0.0.1', port: 0, proxy } })
  onTestFinished(() => server.close())
  return server.resolvedUrls?.local[0] ?? ''
}

/** Serves the repository's files, as any web server does; resolves to its origin. */
async function serveFiles(): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const { pathname } = new URL(url, 'http://files')
    const type = pathname.endsWith('.html') ? 'text/html' : 'text/javascript'
    createReadStream(join(project, pathname)).pipe(response.setHeader('content-type', type))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  return `http://127.0.0.1:${address.port}`
}

/** Opens a page, which must log no error. */
async function openPage(url: string): Promise<Page> {
  browser ??= launchBrowser()
  const context = await (await browser).newContext()
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  onTestFinished(() => expect(errors).toEqual([]))
  await page.goto(url)
  return page
}
