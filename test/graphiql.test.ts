import { existsSync } from 'node:fs'
import { parse, validate } from 'graphql'
import { chromium, type Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { createSchema } from '../src/graphql/schema.ts'
import { readGraphiqlTabs } from '../src/http/graphiql-page.ts'
import { startGuarded, twoCallers, webKey } from './callers.ts'
import { startGateway } from './gateway.ts'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const isThere = existsSync(executablePath)
if (!isThere) {
  const reason = `there is no browser at ${executablePath}: install Debian's chromium, or set CHROMIUM`
  if (process.env['CI'] !== undefined) throw new Error(`GraphiQL cannot be tested: ${reason}`)
  console.warn(`Skipped the browser test: ${reason}`)
}

const onLoopbackAlone = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
]

test('with a provider that charges the tabs have to be filled in, and say so', async () => {
  const tabs = await readGraphiqlTabs([])
  expect(tabs).toHaveLength(5)
  for (const tab of tabs) expect(validate(createSchema(), parse(tab))).toEqual([])
  for (const tab of tabs.slice(0, 2)) {
    expect(tab).toMatch(/^# .*charges/)
    expect(tab).toContain('audioId: "<id of the track>"')
  }
  expect(tabs.join()).not.toMatch(/"done"|my-music/)
})

test.skipIf(!isThere)(
  'GraphiQL orders a separation, watches it and shows the stems, without any other server',
  async () => {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '1500' })
    const browser = await chromium.launch({ executablePath, args: onLoopbackAlone })
    onTestFinished(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } })
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    page.on('websocket', (socket) => addresses.push(socket.url()))

    await page.goto(`${gateway.url}/graphql`)
    const tabs = page.getByRole('tab')
    await tabs.first().waitFor()
    expect(await tabs.allInnerTexts()).toEqual(expect.arrayContaining(['Separate', 'Split', 'Watch', 'Read', 'List']))
    expect(await tabs.count()).toBeGreaterThan(15)

    await run(page)
    const ordered = await answer(page, /"status": "PENDING"/)
    const [taskId = ''] = /sep_[0-9a-z]{26}/.exec(ordered) ?? []
    expect(taskId).not.toBe('')

    await page.locator('.graphiql-tab-button', { hasText: 'Watch' }).click()
    await page.locator('.graphiql-editor .view-lines').first().getByText('sep_…').click()
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText(
      `subscription Watch { separationUpdated(taskId: "${taskId}") { status stems { ... on StemSet { all { part url } } } } }`,
    )
    await run(page)
    const watched = await answer(page, /"status": "SUCCESS"/)
    expect(watched).toContain('"VOCAL"')
    expect(watched).toContain('vocals-all.wav')

    const elsewhere = addresses.filter((address) => !/^(blob:|data:|(http|ws):\/\/127\.0\.0\.1[:/])/.test(address))
    expect(elsewhere).toEqual([])
    expect(addresses.filter((address) => address.startsWith('ws:'))).not.toEqual([])
  },
  60_000,
)

test.skipIf(!isThere)(
  'GraphiQL brings the key that stands among its headers, for queries and for subscriptions',
  async () => {
    const gateway = await startGuarded({ ...twoCallers, SANDBOX_DELAY_MS: '1500' })
    const browser = await chromium.launch({ executablePath, args: onLoopbackAlone })
    onTestFinished(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } })
    await page.goto(`${gateway.url}/graphql`)
    await page.getByRole('tab').first().waitFor()

    // Without one GraphiQL is there, and shows why nothing else is.
    await run(page)
    await answer(page, /"UNAUTHENTICATED"/)

    await page.locator('.graphiql-editor-tool .view-lines').last().click()
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText(`{"Authorization": "Bearer ${webKey}"}`)
    await run(page)
    const ordered = await answer(page, /"status": "PENDING"/)
    const [taskId = ''] = /sep_[0-9a-z]{26}/.exec(ordered) ?? []
    expect(taskId).not.toBe('')

    // In the same tab, and therefore under the same name: each tab has headers of its own.
    await page.locator('.graphiql-editor .view-lines').first().click()
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText(`subscription Separate { separationUpdated(taskId: "${taskId}") { status } }`)
    await run(page)
    await answer(page, /"status": "SUCCESS"/)
    const screenshot = process.env['SCREENSHOT']
    if (screenshot !== undefined) await page.screenshot({ path: screenshot })
  },
  60_000,
)

async function run(page: Page): Promise<void> {
  await page.getByRole('button', { name: /Execute query/ }).click()
}

/** The text of the answer once it holds what is waited for. */
async function answer(page: Page, what: RegExp): Promise<string> {
  const lines = page.locator('.result-window .view-lines')
  await expect.poll(async () => plain(await lines.innerText()), { timeout: 20_000 }).toMatch(what)
  return plain(await lines.innerText())
}

/** The editor draws spaces as no-break spaces. */
function plain(text: string): string {
  return text.replaceAll('\u00a0', ' ')
}
