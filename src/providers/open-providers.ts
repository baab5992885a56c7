import { providerNames, type ProviderName } from '../separation/task/provider-name.ts'
import { apikley } from './vocal-removal/apikley.ts'
import { kie } from './vocal-removal/kie.ts'
import { createRestProvider, type RestProvider, type RestProviderOptions } from './vocal-removal/rest-provider.ts'
import { sandbox } from './vocal-removal/sandbox.ts'
import type { ProviderSpec } from './vocal-removal/spec.ts'
import { sunoapi } from './vocal-removal/sunoapi.ts'

const specs = { kie, apikley, sunoapi, sandbox } as const satisfies Record<ProviderName, ProviderSpec>

/** The gateway's keys at one provider. Without an API key the provider is off. */
export type ProviderAccount = Pick<RestProviderOptions, 'apiKeys' | 'baseUrl'> &
  Partial<Pick<RestProviderOptions, 'webhookKeys' | 'prices' | 'creditsWarning'>>

export interface ProvidersOptions extends Pick<RestProviderOptions, 'rates' | 'userAgent' | 'log'> {
  readonly accounts: Readonly<Record<ProviderName, ProviderAccount>>
}

/** Creates the client of every provider, also of those that are off: they still read late callbacks. */
export function openProviders({ accounts, ...common }: ProvidersOptions): readonly RestProvider[] {
  return providerNames.map((name) =>
    createRestProvider({ ...common, webhookKeys: () => [], ...accounts[name], spec: specs[name] }),
  )
}
