import { once } from 'node:events'
import { getIntrospectionQuery } from 'graphql'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { judgeAnswer } from '../suites/fuzz/judge-answer.ts'
import { startGateway, type Result, type TestGateway } from '../support/gateway.ts'
import { hostileDocuments, tooLargeDocuments, type HostileDocument } from '../support/hostile-documents.ts'
import { forEverything, post, transports, webSocketUrl } from '../support/transports.ts'

const withoutLimits = { REQUESTS_PER_MINUTE: '1000000', SEPARATES_PER_MINUTE: '1000000', SANDBOX_DELAY_MS: '60000' }

interface Verdict {
  readonly message: string
  readonly code: unknown
}

/** The error messages for a document. */
function verdictOf(results: readonly Result<Record<string, unknown>>[]): readonly Verdict[] {
  return results.flatMap(({ errors = [] }) =>
    errors.map(({ message, extensions }) => ({ message, code: extensions?.['code'] })),
  )
}

/** The comment makes it a different document, so that no transport gets an answer cached for another one. */
function markedFor(transport: string, { query, variables, operationName }: HostileDocument) {
  return {
    query: `${query}\n# ${transport}`,
    ...(variables === undefined ? {} : { variables }),
    ...(operationName === undefined ? {} : { operationName }),
  }
}

async function chargesOf({ url }: TestGateway): Promise<unknown> {
  const ledger: { charges: unknown } = await (await fetch(`${url}/sandbox/ledger`)).json()
  return ledger.charges
}

const documents = hostileDocuments()
const families = [...new Set(documents.map(({ family }) => family))]

test('the list has about 200 hostile documents', () => {
  expect(documents.length).toBeGreaterThan(200)
})

test.each(families)(
  'hostile documents get the same errors over every transport: %s',
  { timeout: 60_000 },
  async (family) => {
    const gateway = await startGateway(withoutLimits)
    for (const document of documents.filter((each) => each.family === family)) {
      const verdicts: Record<string, readonly Verdict[]> = {}
      for (const transport of forEverything) {
        const results = await transports[transport](gateway.url, markedFor(transport, document))
        expect(judgeAnswer(JSON.stringify(results))).toEqual([])
        verdicts[transport] = verdictOf(results)
      }
      const refused = verdicts['POST']
      // The document is known by now, unless it was refused.
      expect(verdictOf(await transports.POST(gateway.url, markedFor('POST', document)))).toEqual(refused)
      for (const { message, code } of refused ?? []) {
        expect(code).toEqual(expect.any(String))
        expect(message.length).toBeLessThanOrEqual(1_001)
      }
      expect({ name: document.name, verdicts }).toEqual({
        name: document.name,
        verdicts: Object.fromEntries(forEverything.map((each) => [each, refused])),
      })

      const response = await post(gateway.url, markedFor('status', document), 'application/graphql-response+json')
      expect(judgeAnswer(await response.text(), response.status)).toEqual([])
    }
    expect(await chargesOf(gateway)).toEqual([])
    expect(gateway.app.subscriptions()).toBe(0)
    expect(gateway.logged.filter((line) => line.includes('"level":"error"'))).toEqual([])
    for (const transport of forEverything) {
      const answer = await transports[transport](gateway.url, { query: '{ __typename }' })
      expect(answer).toEqual([{ data: { __typename: 'Query' } }])
    }
  },
)

test('every transport refuses documents that are too large', async () => {
  const gateway = await startGateway(withoutLimits)
  for (const query of tooLargeDocuments()) {
    for (const accept of ['application/json', 'text/event-stream']) {
      const response = await post(gateway.url, { query }, accept)
      expect(response.status).toBe(413)
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] })
    }
    const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    const closed = once(socket, 'close')
    socket.send(JSON.stringify({ type: 'connection_init' }))
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
    expect((await closed)[0]).toBe(1009)
  }
  expect(await gateway.ask('{ __typename }')).toEqual({ data: { __typename: 'Query' } })
})

test.each(forEverything)("GraphiQL's introspection is accepted over %s", async (transport) => {
  const gateway = await startGateway()
  const [result] = await transports[transport](gateway.url, { query: getIntrospectionQuery() })
  expect(result?.errors).toBeUndefined()
  expect(result?.data).toHaveProperty('__schema')
})
