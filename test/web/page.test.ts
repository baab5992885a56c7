import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { isBrowserThere, launchBrowser } from '../support/browser.ts'
import { startGuarded, twoCallers, webKey, wrongKey } from '../support/callers.ts'
import { order, startGateway } from '../support/gateway.ts'
import { unzip } from '../support/unzip.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const desktop = { viewport: { width: 1280, height: 900 } }
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true }

let browser: Promise<Browser> | null = null
afterAll(async () => (await browser)?.close())

describe.skipIf(!isBrowserThere())('the player page in a browser', { timeout: 120_000 }, () => {
  test('orders a track, follows the task and plays, seeks and mixes its stems', async () => {
    const { url } = await startGateway({ SANDBOX_DELAY_MS: '800' })
    const page = await openPage(url)
    await page.getByText('Nothing here yet.').waitFor()
    await look(page, 'empty')
    await page.getByLabel('Test track').selectOption('done')
    await page.getByLabel('Title (optional)').fill('First song')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByRole('progressbar', { name: 'Separation in progress' }).waitFor()
    await look(page, 'pending')

    await expect.poll(() => namesOfStems(page), { timeout: 20_000 }).toEqual(['Vocals', 'Instrumental'])
    await page.getByRole('button', { name: 'Play' }).click()
    await expect.poll(() => position(page)).toBeGreaterThan(0.3)
    await look(page, 'ready')
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('slider', { name: 'Position' }).fill('2')
    expect(await position(page)).toBe(2)
    // A click on a waveform seeks too.
    const wave = page.locator('.waveform').first()
    const { width = 0 } = (await wave.boundingBox()) ?? {}
    await wave.click({ position: { x: width / 2, y: 10 } })
    const duration = Number(await page.getByRole('slider', { name: 'Position' }).getAttribute('max'))
    expect(await position(page)).toBeCloseTo(duration / 2, 0)

    await page.getByRole('button', { name: 'Mute Vocals' }).click()
    expect(await audible(page)).toEqual(['Instrumental'])
    await page.getByRole('button', { name: 'Solo Vocals' }).click()
    expect(await audible(page)).toEqual([])
    await page.getByRole('button', { name: 'Mute Vocals' }).click()
    expect(await audible(page)).toEqual(['Vocals'])
    await page.getByRole('slider', { name: 'Volume of Vocals' }).fill('0.5')

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download Vocals' }).click(),
    ])
    expect(download.suggestedFilename()).toMatch(/vocals.*\.wav$/i)
    const [zip] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download all (ZIP)' }).click(),
    ])
    expect(zip.suggestedFilename()).toBe('done.zip')
    const stems = await unzip(await readFile(await zip.path()))
    expect(stems.map(({ name }) => name)).toEqual(['done – Vocals.wav', 'done – Instrumental.wav'])
  })

  test('shows a key prompt, says when a key is wrong, and keeps the right one for the tab alone', async () => {
    const { url } = await startGuarded(twoCallers)
    const page = await openPage(url)
    await page.getByRole('heading', { name: 'Enter your key' }).waitFor()
    await look(page, 'key')
    await page.getByLabel('API key or token').fill(wrongKey)
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('does not accept this key').waitFor()
    await look(page, 'wrong-key')
    await page.getByLabel('API key or token').fill(webKey)
    await page.keyboard.press('Enter')
    await page.getByText('Signed in as web').waitFor()
    await page.reload()
    await page.getByText('Signed in as web').waitFor()
    expect(await page.evaluate(() => localStorage.length)).toBe(0)
    const another = await page.context().newPage()
    await another.goto(url)
    await another.getByRole('heading', { name: 'Enter your key' }).waitFor()
    await page.getByRole('button', { name: 'Use another key' }).click()
    await page.getByRole('heading', { name: 'Enter your key' }).waitFor()
  })

  test.each([
    ['no-credits', 'Not enough credits'],
    ['rate-limited', 'Too many orders'],
    ['maintenance', 'The provider is not available'],
  ])('says why an order of %s is refused, and keeps what was entered', async (track, heading) => {
    const { url } = await startGateway()
    const page = await openPage(url)
    await page.getByLabel('Test track').selectOption(track)
    await page.getByLabel('Title (optional)').fill('Kept')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByRole('alert').getByText(heading).waitFor()
    await page
      .getByText(/Nothing was charged/)
      .first()
      .waitFor()
    await look(page, `refused-${track}`)
    await page.reload()
    expect(await page.getByLabel('Title (optional)').inputValue()).toBe('Kept')
    await expect.poll(() => page.getByLabel('Test track').inputValue()).toBe(track)
  })

  test('says how much of a budget is used, and that an order beyond it is refused', async () => {
    const { url } = await startGateway({ ORDERS_PER_DAY: '1' })
    const page = await openPage(url)
    await page.getByText('0 of 1 orders used today.').waitFor()
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByText('1 of 1 orders used today.').waitFor()
    await page.getByLabel('Test track').selectOption('slow')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByRole('alert').getByText('Your budget is used up').waitFor()
  })

  test('says why a task failed and that it was charged', async () => {
    const { url } = await startGateway()
    const page = await openPage(url)
    await page.getByLabel('Test track').selectOption('failed-generation')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByText('This separation has no stems.').waitFor()
    await page.getByText('The provider charged for the order.').waitFor()
    await look(page, 'failed')
  })

  test('says that the answer to an order was lost, and plays its stems all the same', async () => {
    const { url } = await startGateway({ SANDBOX_DELAY_MS: '6000' })
    const page = await openPage(url)
    await page.getByLabel('Test track').selectOption('lost-answer')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByText('answer was lost.').waitFor()
    await look(page, 'unconfirmed')
    await expect.poll(() => namesOfStems(page), { timeout: 30_000 }).toEqual(['Vocals', 'Instrumental'])
  })

  test('plays every stem of a split on a phone in the dark, and by keyboard', async () => {
    const { url } = await startGateway()
    const page = await openPage(url, { ...phone, colorScheme: 'dark' })
    await look(page, 'phone-empty')
    await page.getByLabel('Every instrument').check()
    await page.getByRole('button', { name: 'Order' }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => namesOfStems(page), { timeout: 20_000 }).toContain('Drums')
    await expect.poll(() => page.locator('.waveform').count(), { timeout: 20_000 }).toBeGreaterThan(3)
    await page.getByRole('button', { name: 'Play' }).focus()
    await page.keyboard.press('Space')
    await expect.poll(() => position(page)).toBeGreaterThan(0.2)
    const before = await position(page)
    await page.keyboard.press('Tab')
    await page.keyboard.press('End')
    expect(await position(page)).not.toBe(before)
    await look(page, 'phone-split')
    await page.getByRole('link', { name: 'All separations' }).click()
    await page.getByRole('heading', { name: 'Your separations' }).waitFor()
    await look(page, 'phone-list')
  })

  test('reconnects after the gateway was gone, and shows what happened meanwhile', async () => {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '4000', CHECK_INTERVAL_SECONDS: '2' })
    const page = await openPage(gateway.url)
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByRole('progressbar', { name: 'Separation in progress' }).waitFor()
    const { port } = new URL(gateway.url)
    await gateway.close()
    await page.getByText('The connection to the gateway is lost.').waitFor()
    await look(page, 'lost')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByRole('alert').getByText('No answer arrived').waitFor()
    await startGateway({ ...gateway.environment, PORT: port })
    await expect.poll(() => namesOfStems(page), { timeout: 30_000 }).toEqual(['Vocals', 'Instrumental'])
    await expect.poll(() => page.getByText('The connection to the gateway is lost.').count()).toBe(0)
  })

  test('shows an earlier separation instead of charging again, and orders again on demand', async () => {
    const { url } = await startGateway()
    const charges = async () => {
      const ledger: { total: number } = await (await fetch(`${url}/sandbox/ledger`)).json()
      return ledger.total
    }
    const page = await openPage(url)
    const orderButton = page.getByRole('button', { name: 'Order', exact: true })
    await orderButton.click()
    await expect.poll(() => namesOfStems(page), { timeout: 20_000 }).toEqual(['Vocals', 'Instrumental'])
    await orderButton.click()
    await page.getByText('You already have this separation.').waitFor()
    await look(page, 'joined')
    expect(await charges()).toBe(1)
    await page.getByRole('button', { name: 'Order it again' }).click()
    await expect.poll(() => page.locator('.tasks li').count()).toBe(2)
    expect(await charges()).toBe(2)
  })

  test('says which stems cannot be loaded, plays the others, and loads again', async () => {
    const { url } = await startGateway()
    const page = await openPage(url)
    const vocals = (address: URL) => address.pathname.includes('/vocal/')
    await page.route(vocals, (route) => route.fulfill({ status: 410, json: {} }))
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByRole('alert').getByText('The provider no longer gives this file out.').waitFor()
    await page.getByRole('button', { name: 'Play' }).click()
    await expect.poll(() => position(page)).toBeGreaterThan(0.1)
    await look(page, 'file-gone')
    await page.unroute(vocals)
    await page.getByRole('button', { name: 'Load again' }).click()
    await expect.poll(() => page.locator('.waveform').count()).toBe(2)
  })

  test('shows a task that another tab or program has ordered, and its end', async () => {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '2000' })
    const page = await openPage(gateway.url)
    await page.getByText('Nothing here yet.').waitFor()
    await order(gateway, { audioId: 'done', reference: 'From elsewhere' })
    const link = page.getByRole('link', { name: /From elsewhere/ })
    await link.getByText('In progress').waitFor()
    await link.getByText('Ready').waitFor()
  })

  test('says when the files of a task have expired', async () => {
    const { url } = await startGateway()
    const page = await openPage(url)
    await page.getByRole('button', { name: 'Order' }).click()
    await expect.poll(() => namesOfStems(page), { timeout: 20_000 }).toEqual(['Vocals', 'Instrumental'])
    await page.clock.setFixedTime(Date.now() + 15 * 86_400_000)
    await page.getByText('The provider no longer keeps these files.').waitFor()
    expect(await namesOfStems(page)).toEqual([])
    await look(page, 'expired')
  })

  test('asks for the ids of a track at a real provider, and names those that are missing', async () => {
    const { url } = await startGateway({
      KIE_API_KEY: 'kie-key-0123456789',
      APIKLEY_API_KEY: 'apikley-key-0123456789',
      KIE_PRICES: 'separate_vocal:10',
      KIE_BASE_URL: 'http://127.0.0.1:9',
      APIKLEY_BASE_URL: 'http://127.0.0.1:9',
    })
    const page = await openPage(url)
    const offered = page.getByLabel('Provider').locator('option')
    // The list is filled by the answer to the page's first query.
    await offered.first().waitFor({ state: 'attached' })
    expect(await offered.allInnerTexts()).toEqual(['Kie', 'Apikley'])
    await page.getByRole('button', { name: 'Order' }).click()
    expect(await page.getByText('Enter the id.').count()).toBe(2)
    await look(page, 'missing')
    await page.getByLabel('Music task').fill('music-1')
    await page.getByLabel('Track').fill('track-1')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByRole('alert').getByText('The provider is not available').waitFor()
    await look(page, 'unavailable')
  })

  test('has pages for people who are lost or refused', async () => {
    const { url } = await startGateway()
    const page = await openPage(url)
    await page.goto(`${url}/nothing`)
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
    await look(page, 'not-found')
    await page.getByRole('link', { name: 'Stemgate' }).click()
    await page.getByRole('heading', { name: 'New separation' }).waitFor()
    await page.goto(`${url}/#sep_00000000000000000000000000`)
    await page.getByText('There is no such separation').waitFor()
  })
})

/** Opens the page. The test fails if the page breaks its own policy, throws, or writes an error. */
async function openPage(url: string, options: BrowserContextOptions = desktop): Promise<Page> {
  browser ??= launchBrowser()
  const context = await (await browser).newContext(options)
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const mistakes: string[] = []
  page.on('pageerror', (error) => mistakes.push(String(error)))
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) mistakes.push(message.text())
  })
  onTestFinished(() => expect(mistakes).toEqual([]))
  await page.goto(url)
  return page
}

/** Checks the page as it is now for accessibility, and that it is no wider than the window. */
async function look(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
  await page.evaluate(axe)
  const violations = await page.evaluate<readonly string[]>(
    'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))',
  )
  expect(violations).toEqual([])
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
}

async function namesOfStems(page: Page): Promise<readonly string[]> {
  return page.locator('.stem .name').allInnerTexts()
}

async function position(page: Page): Promise<number> {
  return Number(await page.getByRole('slider', { name: 'Position' }).inputValue())
}

/** The stems that are heard. */
async function audible(page: Page): Promise<readonly string[]> {
  return page.locator('.stem:has(.waveform:not(.silent)) .name').allInnerTexts()
}
