import { kie } from './kie.ts'
import type { ProviderSpec } from './spec.ts'

/** Our own sandbox, which speaks as Kie does. Where it stands is known to the app alone. */
export const sandbox: ProviderSpec = {
  ...kie,
  name: 'sandbox',
  displayName: 'The sandbox',
  baseUrl: null,
  trackHint: 'audioId must name a test track, such as done, slow or no-credits; GET /sandbox/tracks lists them.',
}
