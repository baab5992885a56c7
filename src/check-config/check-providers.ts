import type { Config } from '../config/config.ts'
import { createInProcessRates } from '../coordination/in-process-rates.ts'
import { openProviders } from '../providers/open-providers.ts'
import type { CreditsAnswer } from '../providers/client/balance.ts'
import type { AnswerTime, KeyCheck, RestProvider } from '../providers/vocal-removal/rest-provider.ts'
import { userAgent } from '../runtime/version.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import { error, ok, warning, type Check, type Finding } from './check.ts'
import { compareClock } from './compare-clock.ts'

const silent = { info() {}, warn() {}, error() {} }

/** How long the check of the clock waits for a provider's answer, in milliseconds. */
const timeTimeoutMs = 5_000

/** A provider that is on, which is asked once. */
interface AskedProvider {
  readonly name: string
  readonly keys: number
  /** The answer to each key. */
  readonly ask: () => Promise<readonly KeyCheck[]>
}

/**
 * Checks the key of each provider that is on, by reading the account's balance. Costs nothing. The answers also tell the time,
 * which is compared unless the database has a clock.
 */
export function providerChecks({ vendors, kieWebhookKeys, database }: Config): readonly Check[] {
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
  const asked = enabled.map(askedProvider)
  return [...asked.flatMap(checksOfKeys), ...(database.kind === 'postgres' ? [] : [checkClock(asked)])]
}

function askedProvider(client: RestProvider): AskedProvider {
  const ask = once(async () => {
    const answers = await client.checkKeys()
    await client.close()
    return answers
  })
  return { name: client.name, keys: client.state().keys.length, ask }
}

/** One check for each key of the provider. */
function checksOfKeys({ name, keys, ask }: AskedProvider): readonly Check[] {
  return Array.from({ length: keys }, (_, index) => ({
    name: keys === 1 ? name : `${name}-key-${index + 1}`,
    run: async () => findingOf((await ask())[index]?.credits),
  }))
}

/** Compares the clock with that of the first provider that tells the time. */
function checkClock(providers: readonly AskedProvider[]): Check {
  return {
    name: 'clock',
    async run() {
      const told = Promise.any(providers.map(timeOf)).catch(() => null)
      const first = await withTimeout(timeTimeoutMs, told)
      return first === null ? null : compareClock(first.name, first.time)
    },
  }
}

/** Rejects if no answer of the provider tells the time. */
async function timeOf({ name, ask }: AskedProvider): Promise<{ readonly name: string; readonly time: AnswerTime }> {
  const [time] = (await ask()).flatMap((each) => each.time ?? [])
  if (time === undefined) throw new Error(`no answer of ${name} tells the time`)
  return { name, time }
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
