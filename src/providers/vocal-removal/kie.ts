import { defaultRetentionMs, vendorTrackHint, type ProviderSpec } from './spec.ts'

/** Kie. Its codes: `docs/providers.md, "Codes"`. */
export const kie: ProviderSpec = {
  name: 'kie',
  displayName: 'kie.ai',
  baseUrl: 'https://api.kie.ai',
  creditsPath: '/api/v1/chat/credit',
  retentionMs: defaultRetentionMs,
  signature: 'kie',
  codes: {
    400: 'invalid-input',
    401: 'key-not-accepted',
    402: 'insufficient-credits',
    404: 'track-not-found',
    409: 'refused',
    413: 'invalid-input',
    422: 'invalid-input',
    429: 'rate-limited',
    451: 'refused',
    455: 'maintenance',
  },
  trackHint: vendorTrackHint,
}
