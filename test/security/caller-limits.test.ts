import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { callerOf, mobileKey, openSocket, soon, startGuarded, webKey } from '../support/callers.ts'
import { noCredits, startPlayedProvider } from '../support/played-provider.ts'

const prices = { KIE_PRICES: 'separate_vocal:10,split_stem:50' }
const split = { type: 'SPLIT_STEM' }

/** A gateway with callers that have these fields. */
async function startWith(fields: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}) {
  const provider = await startPlayedProvider()
  const API_KEYS = Object.entries(fields).map(([entry, limits]) => `${entry} ${limits}`)
  const gateway = await startGuarded({ ...provider.environment, ...prices, API_KEYS: API_KEYS.join(', '), ...more })
  let tracks = 0
  /** Orders a track that nobody has ordered yet; resolves to what the order answered. */
  const order = async (key: string, input: object = {}) => {
    tracks += 1
    return callerOf(gateway, key).separate({ audioId: `track-${tracks}`, ...input })
  }
  const namesOf = async (key: string, ...inputs: readonly object[]) => {
    const names: string[] = []
    for (const input of inputs) names.push((await order(key, input)).__typename)
    return names
  }
  return { provider, gateway, order, namesOf }
}

const taken = 'SeparateSuccess'
const refused = 'BudgetExceededError'

describe('the limits of a key', () => {
  test('count the orders of a type and their credits apart from all orders', async () => {
    const { order, namesOf } = await startWith({ [`web:${webKey}`]: 'orders=4/day split_stem=1/day credits=75/month' })
    expect(await namesOf(webKey, split, split, {}, {})).toEqual([taken, refused, taken, taken])
    const { message } = await order(webKey)
    expect(message).toMatch(
      /^Your budget of 75 credits per month does not allow this order: 70 are used, and it costs 10\. Nothing was ordered\. The next month starts on 1 [A-Z][a-z]+ \d{4} at 00:00 UTC\.$/,
    )
  })

  test('give credits back at the price of the order', async () => {
    const { provider, namesOf } = await startWith({ [`web:${webKey}`]: 'credits=50/month' })
    provider.answerSubmit(noCredits)
    expect(await namesOf(webKey, split, split)).toEqual(['InsufficientCreditsError', 'InsufficientCreditsError'])
  })

  test('take the place of ORDERS_PER_DAY, which holds for all others', async () => {
    const { namesOf } = await startWith(
      { [`web:${webKey}`]: 'orders=2/month', [`mobile:${mobileKey}`]: 'split_stem=9/day' },
      { ORDERS_PER_DAY: '1' },
    )
    expect(await namesOf(webKey, {}, {}, {})).toEqual([taken, taken, refused])
    expect(await namesOf(mobileKey, {}, {})).toEqual([taken, refused])
  })

  test('are those of the key that is used, and what is counted is the caller’s', async () => {
    const { namesOf } = await startWith({
      [`web:${webKey}`]: 'orders=1/day',
      [`web:${mobileKey}`]: 'orders=2/day',
    })
    expect(await namesOf(webKey, {}, {})).toEqual([taken, refused])
    expect(await namesOf(mobileKey, {}, {})).toEqual([taken, refused])
  })

  test('are shown with the providers and types', async () => {
    const { gateway } = await startWith(
      { [`web:${webKey}`]: 'providers=apikley+sunoapi types=separate_vocal', [`mobile:${mobileKey}`]: '' },
      { SUNOAPI_API_KEY: 'key' },
    )
    const query = `{ providers { name allowed quotes { type allowed } } quote(type: SPLIT_STEM) { allowed } }`
    const quotes = (vocal: boolean, stems: boolean) => [
      { type: 'SEPARATE_VOCAL', allowed: vocal },
      { type: 'SPLIT_STEM', allowed: stems },
    ]
    expect((await callerOf(gateway, webKey).result(query, {})).data).toEqual({
      providers: [
        { name: 'KIE', allowed: false, quotes: quotes(false, false) },
        { name: 'SUNOAPI', allowed: true, quotes: quotes(true, false) },
      ],
      quote: { allowed: false },
    })
    expect((await callerOf(gateway, mobileKey).result(query, {})).data).toMatchObject({
      providers: [{ allowed: true }, { allowed: true }],
      quote: { allowed: true },
    })
  })

  test('say which providers and types it may order', async () => {
    const { provider, gateway } = await startWith({
      [`web:${webKey}`]: 'providers=apikley+sunoapi types=separate_vocal',
    })
    const query = `mutation ($input: SeparateInput!) { separate(input: $input) { ... on InvalidInputError { issues { path message } } } }`
    const input = { musicTaskId: 'music', audioId: 'audio', ...split }
    expect((await callerOf(gateway, webKey).result(query, { input })).data).toEqual({
      separate: {
        issues: [
          { path: ['input', 'provider'], message: 'is not allowed for you. Allowed: APIKLEY, SUNOAPI.' },
          { path: ['input', 'type'], message: 'is not allowed for you. Allowed: SEPARATE_VOCAL.' },
        ],
      },
    })
    expect(provider.orders).toHaveLength(0)
  })

  test('refuse an order for which the whole budget is too small as one that never succeeds', async () => {
    const { order } = await startWith({ [`web:${webKey}`]: 'split_stem=0/day' })
    expect(await order(webKey, split)).toMatchObject({
      __typename: refused,
      retryable: false,
      message:
        'Your budget of 0 SPLIT_STEM orders per day does not allow this order: 0 are used. Nothing was ordered. ' +
        'Ask the operator for a larger budget.',
    })
  })

  test('end it when it expires, with its sockets', async () => {
    const expires = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000).toISOString().replace('.000Z', 'Z')
    const { gateway } = await startWith({ [`web:${webKey}`]: `expires=${expires}`, [`mobile:${mobileKey}`]: '' })
    const socket = openSocket(gateway.url, { authorization: `Bearer ${webKey}` })
    await socket.reachability(1)
    expect(await socket.closed).toBe(4403)
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires))
    const { status, text } = await callerOf(gateway, webKey).send('{ __typename }')
    expect({ status, text }).toEqual({ status: 401, text: expect.stringContaining('The API key has expired.') })
    expect((await callerOf(gateway, mobileKey).send('{ __typename }')).status).toBe(200)
  })

  test('take effect when API_KEYS_FILE changes, and its sockets stay open', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stemgate-keys-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'keys')
    const put = async (fields: string) => {
      await writeFile(`${file}.new`, `# The callers.\nweb:${webKey} ${fields}\n`)
      await rename(`${file}.new`, file)
    }
    await put('orders=1/day')
    const { gateway, namesOf } = await startWith({ [`mobile:${mobileKey}`]: '' }, { API_KEYS_FILE: file })
    const socket = openSocket(gateway.url, { authorization: `Bearer ${webKey}` })
    await socket.reachability(1)
    const budgets = async () => (await callerOf(gateway, webKey).result('{ viewer { budgets { limit used } } }')).data
    expect(await namesOf(webKey, {}, {})).toEqual([taken, refused])
    await put('orders=3/day')
    await expect.poll(budgets).toEqual({ viewer: { budgets: [{ limit: 3, used: 1 }] } })
    expect(await namesOf(webKey, {}, {}, {})).toEqual([taken, taken, refused])
    socket.subscribe('own', '{ viewer { budgets { limit used } } }')
    await socket.reachability(3)
    expect(socket.messages[1]).toMatchObject({ payload: { data: { viewer: { budgets: [{ limit: 3, used: 3 }] } } } })
    expect(socket.ws.readyState).toBe(WebSocket.OPEN)

    await put('orders=3/day expires=2026-01-01')
    expect(await soon(socket.closed)).toBe(4403)
    await put('orders=4/day')
    await expect.poll(async () => (await callerOf(gateway, webKey).send('{ __typename }')).status).toBe(200)
    expect(await namesOf(webKey, {}, {})).toEqual([taken, refused])
  })
})
