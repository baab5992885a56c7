import { serverAudits } from 'graphql-http'
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'

test("the gateway passes all of graphql-http's audits", async () => {
  const gateway = await startGateway()
  const audits = serverAudits({ url: `${gateway.url}/graphql` })
  expect(audits).toHaveLength(61)
  const results = await Promise.all(audits.map((audit) => audit.fn()))
  expect(
    results.map((result) => ({
      name: result.name,
      status: result.status,
      reason: 'reason' in result ? result.reason : null,
    })),
  ).toEqual(audits.map(({ name }) => ({ name, status: 'ok', reason: null })))
})
