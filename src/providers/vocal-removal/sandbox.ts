import { kie } from './kie.ts'
import type { ProviderSpec } from './spec.ts'

/** The sandbox of this gateway, with Kie's API. The gateway sets the base URL: it is the gateway's own server. */
export const sandbox: ProviderSpec = {
  ...kie,
  name: 'sandbox',
  displayName: 'The sandbox',
  baseUrl: null,
  trackHint: 'audioId must name a test track, such as done, slow or no-credits; GET /sandbox/tracks lists them.',
}
