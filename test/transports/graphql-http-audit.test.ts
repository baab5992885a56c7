import { serverAudits } from 'graphql-http'
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'

test.each(['new documents', 'documents that it knows'])(
  "the gateway passes all of graphql-http's audits with %s",
  async (documents) => {
    const gateway = await startGateway()
    const audits = serverAudits({ url: `${gateway.url}/graphql` })
    expect(audits).toHaveLength(61)
    const run = () => Promise.all(audits.map((audit) => audit.fn()))
    if (documents !== 'new documents') await run()
    const results = await run()
    expect(
      results.map((result) => ({
        name: result.name,
        status: result.status,
        reason: 'reason' in result ? result.reason : null,
      })),
    ).toEqual(audits.map(({ name }) => ({ name, status: 'ok', reason: null })))
  },
)
