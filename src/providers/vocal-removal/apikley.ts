import { kie } from './kie.ts'
import type { ProviderSpec } from './spec.ts'

/** Apikley: Kie's API at another base URL (`docs/providers.md, "Endpoints"`), without signatures. */
export const apikley: ProviderSpec = {
  ...kie,
  name: 'apikley',
  displayName: 'Apikley',
  baseUrl: 'https://api.apikley.ru',
  signature: null,
}
