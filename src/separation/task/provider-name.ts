/** The providers that the gateway supports, including the sandbox. */
export const providerNames = ['kie', 'apikley', 'sunoapi', 'sandbox'] as const
export type ProviderName = (typeof providerNames)[number]
