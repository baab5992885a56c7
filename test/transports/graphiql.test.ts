import { parse, validate } from 'graphql'
import type { Page } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createSchema } from '../../src/graphql/schema/schema.ts'
import { readGraphiqlTabs } from '../../src/http/graphiql/graphiql-tabs.ts'
import { testTracks } from '../../src/sandbox/test-tracks.ts'
import { isBrowserThere, launchBrowser } from '../support/browser.ts'
import { startGuarded, twoCallers, webKey } from '../support/callers.ts'
import { startGateway } from '../support/gateway.ts'

test('the tabs leave the ids to fill in if the provider charges, and say so', async () => {
  const tabs = await readGraphiqlTabs([])
  expect(tabs).toHaveLength(5)
  for (const tab of tabs) expect(validate(createSchema(), parse(tab))).toEqual([])
  for (const tab of tabs.slice(0, 2)) {
    expect(tab).toMatch(/^# .*charges/)
    expect(tab).toContain('audioId: "<id of the track>"')
  }
  expect(tabs.join()).not.toMatch(/"done"|my-music/)
})

test('every tab of the sandbox is a valid operation', async () => {
  const tabs = await readGraphiqlTabs(testTracks)
  expect(tabs).toHaveLength(5 + testTracks.length)
  for (const tab of tabs) expect(validate(createSchema(), parse(tab))).toEqual([])
})

test('a browser downloads the page once and then revalidates it', async () => {
  const { url } = await startGateway()
  const ask = (headers: Record<string, string> = {}) =>
    fetch(`${url}/graphql`, { headers: { accept: 'text/html', ...headers } })
  const first = await ask()
  const etag = first.headers.get('etag') ?? ''
  expect(first.status).toBe(200)
  expect(first.headers.get('cache-control')).toBe('no-cache')
  expect(first.headers.get('vary')).toMatch(/\baccept\b/i)
  expect(await first.text()).toContain('<title>Stemgate</title>')
  for (const known of [etag, `W/${etag}`, `"another", ${etag}`]) {
    const again = await ask({ 'if-none-match': known })
    expect(again.status).toBe(304)
    expect(again.headers.get('etag')).toBe(etag)
    expect(await again.text()).toBe('')
  }
  expect((await ask({ 'if-none-match': '"another"' })).status).toBe(200)
  expect((await ask({ 'if-none-match': etag, accept: 'application/json' })).status).not.toBe(304)
})

test.each(['text/html', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'])(
  'a browser learns that GraphiQL is off (Accept: %s)',
  async (accept) => {
    const { url } = await startGateway({ GRAPHIQL: 'false' })
    const response = await fetch(`${url}/graphql`, { headers: { accept } })
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await response.text()).toMatch(
      /^GraphiQL is off on this gateway; .* GRAPHIQL=true\. Send GraphQL operations .*\n$/,
    )
    const operation = await fetch(`${url}/graphql?query={__typename}`, { headers: { accept: 'application/json' } })
    expect(await operation.json()).toEqual({ data: { __typename: 'Query' } })
  },
)

describe.skipIf(!isBrowserThere())('GraphiQL in a browser', { timeout: 60_000 }, () => {
  test('shows the first line of every tab in a window of 1280 pixels', async () => {
    const gateway = await startGateway()
    const page = await openPage(gateway.url)
    for (const name of await page.getByRole('tab').allInnerTexts()) {
      await openTab(page, name)
      const line = page.locator('.graphiql-query-editor .view-line > span').first()
      await expect.poll(() => line.innerText()).toMatch(/^#/)
      const text = await line.boundingBox()
      const editor = await page.locator('.graphiql-query-editor .lines-content').boundingBox()
      const scrollable = await page.locator('.graphiql-query-editor .monaco-scrollable-element').first().boundingBox()
      if (text === null || editor === null || scrollable === null) throw new Error('There is no editor.')
      const isComplete = text.x >= scrollable.x && text.x + text.width <= scrollable.x + scrollable.width
      expect({ name, isComplete }).toEqual({ name, isComplete: true })
    }
  })

  test('shows an order until it is settled, and watches and reads the last task, without any other server', async () => {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '1500' })
    const page = await openPage(gateway.url)
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    page.on('websocket', (socket) => addresses.push(socket.url()))
    await page.reload()
    await page.getByRole('tab').first().waitFor()
    expect(await page.getByRole('tab').allInnerTexts()).toEqual(
      expect.arrayContaining(['Separate', 'Split', 'Watch', 'Read', 'List']),
    )

    for (const name of ['Watch', 'Read']) {
      await openTab(page, name)
      await play(page, /No task has been ordered in this browser/)
    }

    await openTab(page, 'Separate')
    const done = await play(page, /"status": "SUCCESS"/)
    expect(done).toContain('"VOCAL"')
    expect(done).toContain('/stems/')
    const [taskId = ''] = /sep_[0-9a-z]{26}/.exec(done) ?? []
    expect(taskId).not.toBe('')

    await openTab(page, 'Watch')
    expect(await play(page, /"separationUpdated"[^]*"status": "SUCCESS"/)).toContain(taskId)

    // A reload keeps the tabs and the last task.
    await page.reload()
    await openTab(page, 'Read')
    expect(await play(page, /"separation"[^]*"status": "SUCCESS"/)).toContain(taskId)

    const elsewhere = addresses.filter((address) => !/^(blob:|data:|(http|ws):\/\/127\.0\.0\.1[:/])/.test(address))
    expect(elsewhere).toEqual([])
    expect(addresses.filter((address) => address.startsWith('ws:'))).not.toEqual([])
  })

  test('orders a test track once even if its tab runs again, and again with another key', async () => {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '300' })
    const charges = async () => {
      const ledger: { total: number } = await (await fetch(`${gateway.url}/sandbox/ledger`)).json()
      return ledger.total
    }
    const page = await openPage(gateway.url)
    await openTab(page, 'Try_failed_generation')
    await play(page, /"status": "GENERATE_AUDIO_FAILED"/)
    await play(page, /"reused": true[^]*"status": "GENERATE_AUDIO_FAILED"/)
    expect(await charges()).toBe(1)

    await page.locator('.graphiql-query-editor .view-lines').getByText('"try-failed-generation-1"').click()
    await page.keyboard.press('End')
    await page.keyboard.press('Backspace')
    await page.keyboard.insertText('2"')
    await play(page, /"separationUpdated"[^]*"status": "GENERATE_AUDIO_FAILED"/)
    expect(await charges()).toBe(2)
  })

  test('sends the key of the headers editor with queries, subscriptions and the updates of an order', async () => {
    const gateway = await startGuarded({ ...twoCallers, SANDBOX_DELAY_MS: '1500' })
    const page = await openPage(gateway.url)

    // Without a key GraphiQL opens, and shows why operations are refused.
    await play(page, /"UNAUTHENTICATED"/)
    await openTab(page, 'Watch')
    await play(page, /No task has been ordered in this browser/)
    await openTab(page, 'Separate')

    await page.locator('.graphiql-editor-tool .view-lines').last().click()
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText(`{"Authorization": "Bearer ${webKey}"}`)
    const done = await play(page, /"status": "SUCCESS"/)
    const [taskId = ''] = /sep_[0-9a-z]{26}/.exec(done) ?? []
    expect(taskId).not.toBe('')

    // In the same tab, and therefore with the same operation name: each tab has its own headers.
    await page.locator('.graphiql-query-editor .view-lines').first().click()
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText('subscription Separate { separationUpdated(taskId: "sep_…") { id settled } }')
    expect(await play(page, /"settled": true/)).toContain(taskId)
    const screenshot = process.env['SCREENSHOT']
    if (screenshot !== undefined) await page.screenshot({ path: screenshot })
  })
})

/** Opens GraphiQL in a window of a common size. */
async function openPage(url: string): Promise<Page> {
  const browser = await launchBrowser()
  onTestFinished(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  await page.goto(`${url}/graphql`)
  await page.getByRole('tab').first().waitFor()
  return page
}

async function openTab(page: Page, name: string): Promise<void> {
  await page.locator('.graphiql-tab-button', { hasText: new RegExp(`^${name}$`) }).click()
}

/** Runs the tab; resolves to the text of the result once it matches the pattern. */
async function play(page: Page, what: RegExp): Promise<string> {
  const lines = page.locator('.result-window .view-lines')
  const click = () => page.getByRole('button', { name: /Execute query/ }).click()
  await click()
  let text = ''
  const readText = async () => {
    text = plain(await lines.innerText())
    // GraphiQL parses the name of the operation a moment after the tab opens.
    if (text.includes('Cannot infer operation')) await click()
    return text
  }
  await expect.poll(readText, { timeout: 20_000 }).toMatch(what)
  return text
}

/** The editor renders spaces as no-break spaces. */
function plain(text: string): string {
  return text.replaceAll('\u00a0', ' ')
}
