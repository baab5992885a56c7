import type { IncomingMessage } from 'node:http'

/** Whether a person opens the URL in a browser. Programs, which do not ask for HTML, are answered with JSON. */
export function wantsPage({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  return (method === 'GET' || method === 'HEAD') && /\btext\/html\b/.test(headers.accept ?? '')
}
