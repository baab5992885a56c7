import { parse, validate } from 'graphql'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { createSchema } from '../../src/graphql/schema/schema.ts'
import { readGraphiqlTabs } from '../../src/http/graphiql/graphiql-tabs.ts'
import { testTracks } from '../../src/sandbox/test-tracks.ts'
import { isBrowserThere, launchBrowser } from '../support/browser.ts'
import { startGuarded, twoCallers, webKey } from '../support/callers.ts'
import { startGateway } from '../support/gateway.ts'

/** What the tab of a test track is answered. */
const answerOf = z.object({
  separate: z.object({ __typename: z.string(), task: z.object({ status: z.string() }).optional() }),
})

const tour = ['Separate', 'Watch', 'Read', 'List', 'Split', 'Separate_all', 'Dashboard', 'Overview']

/** What the tab of each test track shows at the end. The other test tracks have no tab. */
const outcomes: Readonly<Record<string, string>> = {
  Try_slow: 'SUCCESS',
  Try_silent: 'SUCCESS',
  Try_doubled: 'SUCCESS',
  Try_failed_creation: 'CREATE_TASK_FAILED',
  Try_failed_generation: 'GENERATE_AUDIO_FAILED',
  Try_exception_with_audio: 'SUCCESS',
  Try_empty_stems: 'SUCCESS',
  Try_late_stems: 'SUCCESS',
  Try_no_credits: 'InsufficientCreditsError',
  Try_rate_limited: 'RateLimitedError',
  Try_maintenance: 'ProviderUnavailableError',
  Try_hanging_answer: 'SUCCESS',
  Try_lost_answer: 'SUCCESS',
}

test('the tabs leave the ids to fill in if the provider charges, and say so', async () => {
  const tabs = await readGraphiqlTabs({ testTracks: [], takesCredentials: false })
  expect(tabs).toHaveLength(8)
  for (const tab of tabs) expect(validate(createSchema(), parse(tab))).toEqual([])
  const orders = tabs.filter((tab) => /^mutation /m.test(tab))
  expect(orders).toHaveLength(3)
  for (const tab of orders) {
    expect(tab).toMatch(/^# .*charges/)
    expect(tab).toContain('audioId: "<id of the track>"')
  }
  expect(tabs.join()).not.toMatch(/"done"|my-music/)
})

test('every tab of the sandbox is a valid operation, and says what to press', async () => {
  const tabs = await readGraphiqlTabs({ testTracks, takesCredentials: false })
  const titles = tabs.map((tab) => /^(?:mutation|query|subscription) (\w+)/m.exec(tab)?.[1])
  expect(titles).toEqual([...tour, ...Object.keys(outcomes)])
  for (const tab of tabs) {
    expect(tab).toMatch(/^# Press play: /)
    expect(validate(createSchema(), parse(tab))).toEqual([])
  }
})

test('the tab of each test track shows the outcome', async () => {
  const impatient = { SANDBOX_DELAY_MS: '150', CHECK_INTERVAL_SECONDS: '0.1', SUBMIT_TIMEOUT_SECONDS: '5' }
  const gateway = await startGateway(impatient, onTestFinished, { emptyGraceMs: 300 })
  const tabs = await readGraphiqlTabs({ testTracks, takesCredentials: false })
  const shown = tabs.slice(tour.length).map(async (tab) => {
    const { separate } = answerOf.parse((await gateway.ask(tab)).data)
    const [, title = ''] = /^mutation (\w+)/m.exec(tab) ?? []
    return [title, separate.task?.status ?? separate.__typename] as const
  })
  expect(Object.fromEntries(await Promise.all(shown))).toEqual(outcomes)
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
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser.close())

  /** Opens GraphiQL in a window of a common size. */
  async function openPage(url: string): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.goto(`${url}/graphql`)
    await page.getByRole('tab').first().waitFor()
    return page
  }

  test('shows the widest lines of comments in a window of 1280 pixels', async () => {
    const tabs = await readGraphiqlTabs({ testTracks, takesCredentials: false })
    const widths = tabs.map((tab) =>
      Math.max(...tab.split('\n').map((line) => (line.startsWith('#') ? line.length : 0))),
    )
    const gateway = await startGateway()
    const page = await openPage(gateway.url)
    await page
      .getByRole('tab')
      .nth(widths.indexOf(Math.max(...widths)))
      .click()
    // GraphiQL renders the lines anew.
    await expect.poll(() => areCommentsComplete(page)).toBe(true)
  })

  test('watches and reads what was ordered without a copied id, and asks no other server', async () => {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '1500' })
    const page = await openPage(gateway.url)
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    page.on('websocket', (socket) => addresses.push(socket.url()))
    await page.reload()
    await page.getByRole('tab').first().waitFor()
    expect((await page.getByRole('tab').allInnerTexts()).slice(0, tour.length)).toEqual(tour)

    for (const name of ['Watch', 'Read']) {
      await openTab(page, name)
      await play(page, /No task has been ordered in this browser/)
    }

    await openTab(page, 'Separate')
    const ordered = await play(page, /"status": "PENDING"/)
    const [taskId = ''] = /sep_[0-9a-z]{26}/.exec(ordered) ?? []
    expect(taskId).not.toBe('')

    await openTab(page, 'Watch')
    const done = await play(page, /"separationUpdated"[^]*"status": "SUCCESS"/)
    expect(done).toContain(taskId)
    expect(done).toContain('"VOCAL"')
    expect(done).toContain('/stems/')

    // A reload keeps the tabs and the last task.
    await page.reload()
    await openTab(page, 'Read')
    expect(await play(page, /"separation"[^]*"status": "SUCCESS"/)).toContain(taskId)

    const elsewhere = addresses.filter((address) => !/^(blob:|data:|(http|ws):\/\/127\.0\.0\.1[:/])/.test(address))
    expect(elsewhere).toEqual([])
    expect(addresses.filter((address) => address.startsWith('ws:'))).not.toEqual([])
  })

  test('shows on the dashboard how the tasks of an order of many end', async () => {
    const { url } = await startGateway({ SANDBOX_DELAY_MS: '200' })
    const page = await openPage(url)
    await openTab(page, 'Separate_all')
    // The editor holds the lines that are in sight: the second order is refused below them.
    const ordered = await play(page, /"index": 1/)
    const [taskId = ''] = /sep_[0-9a-z]{26}/.exec(ordered) ?? []
    await openTab(page, 'Dashboard')
    expect(await play(page, /"separationsUpdated"[^]*"audioId": "slow-2"[^]*"VOCAL"/)).toContain(taskId)
    // Still open: what is ordered elsewhere appears.
    await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"mutation { separate(input: { musicTaskId: \\"m\\", audioId: \\"done-7\\" }) { __typename } }"}',
    })
    await expect.poll(() => resultOf(page)).toMatch(/"audioId": "done-7"/)

    await openTab(page, 'Overview')
    await play(page, /"viewer"[^]*"orders"[^]*"SANDBOX"/)
    await openTab(page, 'Split')
    await play(page, /"separate"[^]*"SPLIT_STEM"[^]*"SUCCESS"[^]*"allStems": \[\s*\{/)
  })

  test('shows how a test track fails or is refused, and orders it once however often its tab runs', async () => {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '300' })
    const charges = async () => {
      const ledger: { total: number } = await (await fetch(`${gateway.url}/sandbox/ledger`)).json()
      return ledger.total
    }
    const page = await openPage(gateway.url)
    await openTab(page, 'Try_failed_generation')
    await play(page, /"reused": false[^]*"status": "GENERATE_AUDIO_FAILED"/)
    await play(page, /"reused": true[^]*"status": "GENERATE_AUDIO_FAILED"/)
    expect(await charges()).toBe(1)

    await page.locator('.graphiql-query-editor .view-lines').getByText('"try-failed-generation-1"').click()
    await page.keyboard.press('End')
    await page.keyboard.press('Backspace')
    await page.keyboard.insertText('2"')
    await play(page, /"reused": false[^]*"status": "GENERATE_AUDIO_FAILED"/)
    expect(await charges()).toBe(2)

    await openTab(page, 'Try_no_credits')
    await play(page, /"separate": [^]*"__typename": "InsufficientCreditsError"[^]*"message"/)
    expect(await charges()).toBe(2)
  })

  test('says where the key belongs, and sends it from every tab once it stands in one', async () => {
    const gateway = await startGuarded({ ...twoCallers, SANDBOX_DELAY_MS: '1500' })
    const page = await openPage(gateway.url)
    const comment = page.locator('.graphiql-query-editor .view-lines')
    await expect
      .poll(async () => plain(await comment.innerText()))
      .toMatch(/^# Put your key into Headers[^]*Bearer <key>/)

    // Without a key GraphiQL opens, and shows why operations are refused.
    await play(page, /"UNAUTHENTICATED"/)
    await openTab(page, 'Watch')
    await play(page, /No task has been ordered in this browser/)

    await openTab(page, 'Separate')
    await page.locator('.graphiql-editor-tool .view-lines').last().click()
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText(`{"Authorization": "Bearer ${webKey}"}`)
    const ordered = await play(page, /"status": "PENDING"/)
    const [taskId = ''] = /sep_[0-9a-z]{26}/.exec(ordered) ?? []
    expect(taskId).not.toBe('')

    await openTab(page, 'Watch')
    expect(await play(page, /"separationUpdated"[^]*"status": "SUCCESS"/)).toContain(taskId)
    const screenshot = process.env['SCREENSHOT']
    if (screenshot !== undefined) await page.screenshot({ path: screenshot })
    await openTab(page, 'Read')
    expect(await play(page, /"separation"[^]*"status": "SUCCESS"/)).toContain(taskId)
  })
})

/** Whether the comment at the top is not cut off at the right. */
async function areCommentsComplete(page: Page): Promise<boolean> {
  const editor = await page.locator('.graphiql-query-editor .monaco-scrollable-element').first().boundingBox()
  const lines = await page.locator('.graphiql-query-editor .view-line > span', { hasText: /^#/ }).all()
  const boxes = await Promise.all(lines.map((line) => line.boundingBox()))
  if (boxes.length === 0 || editor === null) return false
  return boxes.every((box) => box !== null && box.x >= editor.x && box.x + box.width <= editor.x + editor.width)
}

async function openTab(page: Page, name: string): Promise<void> {
  await page.locator('.graphiql-tab-button', { hasText: new RegExp(`^${name}$`) }).click()
}

/** Runs the tab; resolves to the text of the result once it matches the pattern. */
async function play(page: Page, what: RegExp): Promise<string> {
  const click = () => page.getByRole('button', { name: /Execute query/ }).click()
  await click()
  let text = ''
  const readText = async () => {
    text = await resultOf(page)
    // GraphiQL parses the name of the operation a moment after the tab opens.
    if (text.includes('Cannot infer operation')) await click()
    return text
  }
  await expect.poll(readText, { timeout: 20_000 }).toMatch(what)
  return text
}

async function resultOf(page: Page): Promise<string> {
  return plain(await page.locator('.result-window .view-lines').innerText())
}

/** The editor renders spaces as no-break spaces. */
function plain(text: string): string {
  return text.replaceAll('\u00a0', ' ')
}
