import { lookup } from 'node:dns/promises'
import { Agent, type Dispatcher } from 'undici'
import type { Config } from '../config/config.ts'
import { describeError } from '../runtime/describe-error.ts'
import { isLoopback } from '../runtime/loopback.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import { ok, warning, type Finding } from './check.ts'

/** Limits the request to PUBLIC_URL, including the connection, in milliseconds. */
const timeoutMs = 5_000
/** In bytes. A gateway answers with some 20. */
const maxAnswerBytes = 65_536

/** Answers of a proxy that does not reach what it leads to. Those above 504 are Cloudflare's. */
const proxyErrors: ReadonlySet<number> = new Set([502, 503, 504, 520, 521, 522, 523, 524, 530])

/** What answers at PUBLIC_URL. */
type Reached =
  | { readonly kind: 'gateway' }
  /** Nothing listens, or a proxy does not reach the gateway. */
  | { readonly kind: 'nothing'; readonly cause: string }
  | { readonly kind: 'unreachable'; readonly cause: string }
  | { readonly kind: 'redirect'; readonly status: number; readonly origin: string }
  | { readonly kind: 'other'; readonly answer: string }

/**
 * Checks that PUBLIC_URL leads to a gateway, by asking it for `/health/live`.
 * @param isFirstStart whether no gateway has run yet. Then nobody can answer.
 */
export async function checkPublicUrl(
  { publicUrl, vendors }: Pick<Config, 'publicUrl' | 'vendors'>,
  isFirstStart: Promise<boolean>,
): Promise<Finding> {
  const isReal = Object.values(vendors).some(({ apiKeys }) => apiKeys.length > 0)
  if (publicUrl === null) {
    return isReal
      ? warning('PUBLIC_URL is not set: no callbacks arrive, and results are found only by polling')
      : ok('PUBLIC_URL is not set: the sandbox reaches the gateway on this machine')
  }
  const { hostname, protocol } = new URL(publicUrl)
  if (isReal && isLoopback(hostname)) return warning(`providers cannot reach ${publicUrl}: no callbacks arrive`)
  const { address } = await lookup(hostname.replace(/^\[(.*)\]$/, '$1'))
  const [reached, isFirst] = await Promise.all([ask(publicUrl), withTimeout(timeoutMs, isFirstStart)])
  const finding = findingOf(reached, `${publicUrl} (${address})`, isFirst ?? false)
  if (!isReal || protocol !== 'http:') return finding
  const { message } = finding
  const sentence = message.endsWith('?') ? message : `${message}.`
  return warning(`${sentence} PUBLIC_URL is not HTTPS: callback addresses are secrets, and travel in clear`)
}

/** Never rejects. Follows no redirect: providers may not follow it either. */
async function ask(publicUrl: string): Promise<Reached> {
  const { origin, pathname } = new URL(`${publicUrl}/health/live`)
  const agent = new Agent({ maxResponseSize: maxAnswerBytes })
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    return await judge(await agent.request({ origin, path: pathname, method: 'GET', signal }), publicUrl)
  } catch (failure) {
    if (failure instanceof Error && failure.name === 'TimeoutError') {
      return { kind: 'unreachable', cause: `no answer within ${timeoutMs / 1_000} s` }
    }
    const isRefused = failure instanceof Error && 'code' in failure && failure.code === 'ECONNREFUSED'
    return { kind: isRefused ? 'nothing' : 'unreachable', cause: describeError(failure) }
  } finally {
    await agent.destroy()
  }
}

async function judge({ statusCode, headers, body }: Dispatcher.ResponseData, publicUrl: string): Promise<Reached> {
  const text = await body.text()
  if (statusCode === 200 && isLiveness(text)) return { kind: 'gateway' }
  if (proxyErrors.has(statusCode)) return { kind: 'nothing', cause: `the proxy answers with HTTP ${statusCode}` }
  const { location, 'content-type': contentType } = headers
  if (statusCode >= 300 && statusCode < 400 && typeof location === 'string' && URL.canParse(location, publicUrl)) {
    return { kind: 'redirect', status: statusCode, origin: new URL(location, publicUrl).origin }
  }
  const type = typeof contentType === 'string' ? /^[\w.+-]{1,40}\/[\w.+-]{1,40}/.exec(contentType)?.[0] : undefined
  return { kind: 'other', answer: `HTTP ${statusCode}${type === undefined ? '' : `, ${type}`}` }
}

/** Whether it is what a gateway sends at `/health/live`. */
function isLiveness(text: string): boolean {
  try {
    const answer: unknown = JSON.parse(text)
    return typeof answer === 'object' && answer !== null && 'status' in answer && answer.status === 'live'
  } catch {
    return false
  }
}

function findingOf(reached: Reached, name: string, isFirstStart: boolean): Finding {
  switch (reached.kind) {
    case 'gateway':
      return ok(`${name} leads to a gateway`)
    case 'nothing':
      return isFirstStart
        ? ok(`${name} does not lead to a gateway yet (${reached.cause}). Check it again once the gateway runs`)
        : warning(
            `${name} does not lead to a gateway, so no callbacks arrive (${reached.cause}). ` +
              'Is the gateway running, and does the proxy route to it?',
          )
    case 'unreachable':
      return warning(
        `${name} cannot be reached from here: ${reached.cause}. If providers cannot either, no callbacks arrive`,
      )
    case 'redirect':
      return warning(
        `${name} redirects to ${reached.origin} (HTTP ${reached.status}), so callbacks may not arrive. ` +
          'Set PUBLIC_URL to an address at which the gateway itself answers',
      )
    case 'other':
      return warning(
        `${name} is answered by something other than a gateway (${reached.answer} at /health/live), ` +
          'so no callbacks arrive. Does the proxy route every path to the gateway?',
      )
  }
}
