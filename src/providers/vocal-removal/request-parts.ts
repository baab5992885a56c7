import { traceHeaders, type Trace } from '../../runtime/trace.ts'

/** What every request to a provider is made of. */
export interface RequestParts {
  /** Throws if the base URL is not known. */
  urlOf(path: string): URL
  /** @param trace the request of a caller that it belongs to; null if it is not known */
  headersWith(key: string, trace: Trace | null): Record<string, string>
}

export interface RequestPartsOptions {
  /** A function, if the URL is known only once a server listens. */
  readonly baseUrl: string | (() => string)
  /** The CDN in front of the API refuses requests without one (`docs/providers.md, "Endpoints"`). */
  readonly userAgent: string
}

export function createRequestParts({ baseUrl, userAgent }: RequestPartsOptions): RequestParts {
  return {
    urlOf(path) {
      const base = typeof baseUrl === 'function' ? baseUrl() : baseUrl
      return new URL(`${base.replace(/\/+$/, '')}${path}`)
    },
    headersWith: (key, trace) => ({
      authorization: `Bearer ${key}`,
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': userAgent,
      ...(trace === null ? {} : traceHeaders(trace)),
    }),
  }
}
