import { defaultRetentionMs, vendorTrackHint, type ProviderSpec } from './spec.ts'

/** SunoAPI: Kie's paths, but other meanings of 404, 405, 429 and 430 (`docs/providers.md, "Codes"`). */
export const sunoapi: ProviderSpec = {
  name: 'sunoapi',
  displayName: 'sunoapi.org',
  baseUrl: 'https://api.sunoapi.org',
  creditsPath: '/api/v1/generate/credit',
  retentionMs: defaultRetentionMs,
  signature: null,
  codes: {
    400: 'invalid-input',
    401: 'key-not-accepted',
    404: 'not-served',
    405: 'rate-limited',
    409: 'refused',
    413: 'invalid-input',
    422: 'invalid-input',
    429: 'insufficient-credits',
    430: 'rate-limited',
    451: 'refused',
    455: 'maintenance',
  },
  trackHint: vendorTrackHint,
}
