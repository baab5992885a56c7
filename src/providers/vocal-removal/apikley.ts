import { kie } from './kie.ts'
import type { ProviderSpec } from './spec.ts'

/** Apikley: Kie's API at another address, unsigned. Source: `apikley-generate-and-callback.txt`. */
export const apikley: ProviderSpec = {
  ...kie,
  name: 'apikley',
  displayName: 'Apikley',
  baseUrl: 'https://api.apikley.ru',
  signature: null,
}
