import type { Config } from '../config/config.ts'
import { createInProcessRates } from '../coordination/in-process-rates.ts'
import { openProviders } from '../providers/open-providers.ts'
import type { RestProvider } from '../providers/vocal-removal/rest-provider.ts'
import { userAgent } from '../runtime/version.ts'
import { error, ok, warning, type Check, type Finding } from './check.ts'

const silent = { info() {}, warn() {}, error() {} }

/** Checks the key of each provider that is on, by reading the account's balance. Costs nothing. */
export function providerChecks({ vendors, kieWebhookKey }: Config): readonly Check[] {
  const { kie, apikley, sunoapi } = vendors
  const clients = openProviders({
    rates: createInProcessRates({ readsPerSecond: () => 1, submitsPer10Seconds: () => 1 }),
    userAgent,
    log: silent,
    accounts: {
      kie: { baseUrl: kie.baseUrl, apiKey: () => kie.apiKey, webhookKey: () => kieWebhookKey },
      apikley: { baseUrl: apikley.baseUrl, apiKey: () => apikley.apiKey },
      sunoapi: { baseUrl: sunoapi.baseUrl, apiKey: () => sunoapi.apiKey },
      sandbox: { baseUrl: null, apiKey: () => null },
    },
  })
  const enabled = clients.filter(({ name }) => name !== 'sandbox' && vendors[name].apiKey !== null)
  if (enabled.length === 0) {
    return [{ name: 'sandbox', run: async () => ok('is on, because no provider has a key; nothing is charged') }]
  }
  return enabled.map((client) => ({ name: client.name, run: () => checkKey(client) }))
}

async function checkKey({ checkKey: ask, close }: RestProvider): Promise<Finding> {
  const answer = await ask()
  await close()
  switch (answer.kind) {
    case 'credits':
      return answer.credits > 0
        ? ok(`accepts the key; the account has ${answer.credits} credits`)
        : warning('accepts the key, but the account has no credits')
    case 'key-not-accepted':
      return error('does not accept the API key')
    case 'unreadable':
      return warning(`could not be asked whether it accepts the key: ${answer.cause}`)
  }
}
