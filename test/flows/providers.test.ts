import { expect, test } from 'vitest'
import { order, startGateway } from '../support/gateway.ts'
import { balanceOf, startPlayedProvider } from '../support/played-provider.ts'

const providersQuery = `{
  providers { name isDefault available retentionDays quotes { type credits } }
}`

test('a gateway without keys offers the sandbox, with its prices', async () => {
  const gateway = await startGateway()
  expect((await gateway.ask(providersQuery)).data).toEqual({
    providers: [
      {
        name: 'SANDBOX',
        isDefault: true,
        available: true,
        retentionDays: 14,
        quotes: [
          { type: 'SEPARATE_VOCAL', credits: 10 },
          { type: 'SPLIT_STEM', credits: 50 },
        ],
      },
    ],
  })
})

test('lists the enabled providers, the default one first, with the prices that the operator has set', async () => {
  const key = 'a-key-of-the-operator'
  const gateway = await startGateway({
    KIE_API_KEY: key,
    SUNOAPI_API_KEY: key,
    DEFAULT_PROVIDER: 'sunoapi',
    SUNOAPI_PRICES: 'separate_vocal:1, split_stem:5.5',
  })
  const { data } = await gateway.ask(`{
    providers { name isDefault quotes { credits } }
    quote(type: SPLIT_STEM) { provider type credits }
    kie: quote(provider: KIE) { provider type credits }
  }`)
  expect(data).toEqual({
    providers: [
      { name: 'SUNOAPI', isDefault: true, quotes: [{ credits: 1 }, { credits: 5.5 }] },
      { name: 'KIE', isDefault: false, quotes: [{ credits: null }, { credits: null }] },
    ],
    quote: { provider: 'SUNOAPI', type: 'SPLIT_STEM', credits: 5.5 },
    kie: { provider: 'KIE', type: 'SEPARATE_VOCAL', credits: null },
  })
  const { errors } = await gateway.ask('{ quote(provider: APIKLEY) { credits } }')
  expect(errors?.[0]).toMatchObject({
    message: 'APIKLEY is not enabled here. Enabled: KIE, SUNOAPI.',
    extensions: { code: 'BAD_USER_INPUT' },
  })
})

test('a provider that does not accept the key of the gateway is not available until it does', async () => {
  const played = await startPlayedProvider()
  const gateway = await startGateway(played.environment)
  const isAvailable = async () => (await gateway.ask('{ providers { available } }')).data?.['providers']
  expect(await isAvailable()).toEqual([{ available: true }])
  played.answerSubmit({ code: 401, msg: 'You do not have access permissions' })
  await expect(order(gateway)).rejects.toThrow('was not taken')
  expect(await isAvailable()).toEqual([{ available: false }])
})

test('a provider that answers no order is not available', async () => {
  const played = await startPlayedProvider()
  const gateway = await startGateway({ ...played.environment, SEPARATES_PER_MINUTE: '1000' })
  await played.die()
  for (let nth = 0; nth < 5; nth += 1) await order(gateway, { audioId: `audio-${nth}` }).catch(() => {})
  expect((await gateway.ask('{ providers { available } }')).data).toEqual({ providers: [{ available: false }] })
})

test('a caller sees its name and what is left of its limits', async () => {
  const gateway = await startGateway({
    REQUESTS_PER_MINUTE: '100',
    SEPARATES_PER_MINUTE: '50',
    SUBSCRIPTIONS_PER_CALLER: '7',
  })
  const viewer = `{ viewer {
    name
    requests { perMinute remaining }
    orders { perMinute remaining resetsAt }
    subscriptions { max remaining }
  } }`
  expect((await gateway.ask(viewer)).data).toEqual({
    viewer: {
      name: 'anonymous',
      requests: { perMinute: 100, remaining: 99 },
      orders: { perMinute: 50, remaining: 50, resetsAt: null },
      subscriptions: { max: 7, remaining: 7 },
    },
  })
  await order(gateway, { audioId: 'done' })
  expect((await gateway.ask(viewer)).data?.['viewer']).toMatchObject({
    requests: { remaining: 97 },
    orders: { remaining: 49, resetsAt: expect.stringMatching(/^\d{4}-/) },
  })
})

test('the balance is only for callers whom the operator allows', async () => {
  const gateway = await startGateway()
  expect((await gateway.ask('{ credits { credits } }')).errors?.[0]).toMatchObject({
    message: 'You may not read the balance. The operator can add you to CREDITS_CALLERS.',
    extensions: { code: 'FORBIDDEN' },
  })
})

test('the balance is read at most once a minute, however many ask', async () => {
  const played = await startPlayedProvider()
  played.answerCredits(balanceOf(93.5))
  const gateway = await startGateway({ ...played.environment, CREDITS_CALLERS: 'key:web, anonymous' })
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => gateway.ask('{ credits(provider: KIE) { credits readAt } }')),
  )
  const [first] = answers
  expect(first?.data).toMatchObject({ credits: { credits: 93.5 } })
  expect(new Set(answers.map(({ data }) => JSON.stringify(data))).size).toBe(1)
  expect(played.creditCalls).toHaveLength(1)
})

test.each([
  ['an error', { code: 401, msg: 'You do not have access permissions' }],
  ['no number', { code: 200, msg: 'success', data: null }],
  ['no JSON', (response: { end(text: string): void }) => response.end('<html>')],
])('a balance that the provider answers with %s is an error that says what to do', async (_name, play) => {
  const played = await startPlayedProvider()
  played.answerCredits(play)
  const gateway = await startGateway({ ...played.environment, CREDITS_CALLERS: 'anonymous' })
  expect((await gateway.ask('{ credits { credits } }')).errors?.[0]).toMatchObject({
    message: 'The balance could not be read from the provider. Try again in a minute.',
    extensions: { code: 'UNAVAILABLE' },
  })
})

test('the schema is served as text while introspection is on', async () => {
  const gateway = await startGateway()
  const response = await fetch(`${gateway.url}/schema.graphql`)
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(await response.text()).toMatch(/^"""\nStemgate: one API .*\n"""\nschema \{/)
  const closed = await startGateway({ INTROSPECTION: 'false' })
  const refused = await fetch(`${closed.url}/schema.graphql`)
  expect(refused.status).toBe(404)
  expect(await refused.text()).toMatch('INTROSPECTION=true')
})
