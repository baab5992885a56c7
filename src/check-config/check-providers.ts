import type { Config } from '../config/config.ts'
import { createInProcessRates } from '../coordination/in-process-rates.ts'
import { openProviders } from '../providers/open-providers.ts'
import type { CreditsAnswer } from '../providers/client/balance.ts'
import type { RestProvider } from '../providers/vocal-removal/rest-provider.ts'
import { userAgent } from '../runtime/version.ts'
import { error, ok, warning, type Check, type Finding } from './check.ts'

const silent = { info() {}, warn() {}, error() {} }

/** Checks the key of each provider that is on, by reading the account's balance. Costs nothing. */
export function providerChecks({ vendors, kieWebhookKeys }: Config): readonly Check[] {
  const { kie, apikley, sunoapi } = vendors
  const clients = openProviders({
    rates: createInProcessRates({ readsPerSecond: () => 1, submitsPer10Seconds: () => 1 }),
    userAgent,
    log: silent,
    accounts: {
      kie: { baseUrl: kie.baseUrl, apiKeys: () => kie.apiKeys, webhookKeys: () => kieWebhookKeys },
      apikley: { baseUrl: apikley.baseUrl, apiKeys: () => apikley.apiKeys },
      sunoapi: { baseUrl: sunoapi.baseUrl, apiKeys: () => sunoapi.apiKeys },
      sandbox: { baseUrl: null, apiKeys: () => [] },
    },
  })
  const enabled = clients.filter(({ name }) => name !== 'sandbox' && vendors[name].apiKeys.length > 0)
  if (enabled.length === 0) {
    return [{ name: 'sandbox', run: async () => ok('is on, because no provider has a key; nothing is charged') }]
  }
  return enabled.flatMap(checksOfKeys)
}

/** One check for each key of the provider. */
function checksOfKeys(client: RestProvider): readonly Check[] {
  const { name } = client
  const count = client.state().keys.length
  const asked = once(async () => {
    const answers = await client.checkKeys()
    await client.close()
    return answers
  })
  return Array.from({ length: count }, (_, index) => ({
    name: count === 1 ? name : `${name}-key-${index + 1}`,
    run: async () => findingOf((await asked())[index]),
  }))
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | null = null
  return () => (result ??= work())
}

function findingOf(answer: CreditsAnswer | undefined): Finding {
  switch (answer?.kind) {
    case undefined:
      return error('was not asked')
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
