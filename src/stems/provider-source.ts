import { Agent as HttpAgent, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Log } from '../runtime/log.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import { createAddressRule, type Permission } from '../addresses/allowed-address.ts'
import { formatRange } from './byte-range.ts'
import { requestFile } from './file-request.ts'
import { createGuardedLookup, PrivateAddressError, type Resolve } from '../addresses/guarded-lookup.ts'
import { openAnswer } from './open-answer.ts'
import { resumable, type RangeAsk } from './resumable.ts'
import type { NoFile, OpenFile, StemOfTask, StemSource } from './stem-source.ts'

export interface ProviderSourceOptions {
  /** Hosts that are fetched at any address, and to which redirects may lead: see `createAddressRule`. */
  readonly allowedHosts: readonly string[]
  /**
   * Where the files of a provider are that this process serves itself, whatever host their URLs name; null for files of
   * others. Such an address is fetched without a check.
   */
  readonly ownAddressOf: (provider: ProviderName, url: string) => string | null
  readonly userAgent: string
  /** How long a file server may take to begin its answer, in milliseconds. */
  readonly timeoutMs: number
  readonly log: Log
  /** How host names are resolved. */
  readonly resolve?: Resolve
}

const maxRedirects = 3
const redirectStatuses = [301, 302, 303, 307, 308]
/** How long an unused connection to a file server is kept, in milliseconds. Shorter than servers keep it. */
const keepAliveMs = 4_000

/** Where a request goes, and by which rule. */
interface Target {
  readonly url: URL
  readonly permission: Exclude<Permission, null>
}

/** Fetches stems from the address that the provider has named for each, and from nowhere else. */
export function createProviderSource(options: ProviderSourceOptions): StemSource {
  const { allowedHosts, ownAddressOf, userAgent, timeoutMs, log } = options
  const rule = createAddressRule(allowedHosts)
  const lookup = createGuardedLookup(options.resolve)
  const settings = { keepAlive: true, timeout: keepAliveMs, maxFreeSockets: 16 }
  // A connection that was opened without the check is never used with it.
  const agents = {
    public: { 'http:': new HttpAgent({ ...settings, lookup }), 'https:': new HttpsAgent({ ...settings, lookup }) },
    any: { 'http:': new HttpAgent(settings), 'https:': new HttpsAgent(settings) },
  } as const

  async function get({ url, permission }: Target, { range, ifRange }: RangeAsk, signal: AbortSignal) {
    return requestFile(url, {
      agent: agents[permission][url.protocol === 'https:' ? 'https:' : 'http:'],
      headers: {
        accept: 'audio/*, */*;q=0.5',
        // Ranges count the bytes of the file, not of its compressed form.
        'accept-encoding': 'identity',
        'user-agent': userAgent,
        ...(range === null ? {} : { range: formatRange(range) }),
        ...(ifRange === null ? {} : { 'if-range': ifRange }),
      },
      timeoutMs,
      signal,
    })
  }

  /** Follows redirects by the rule; null if one breaks it. */
  async function follow(first: Target, what: RangeAsk, signal: AbortSignal): Promise<IncomingMessage | null> {
    let target = first
    for (let redirects = 0; ; redirects++) {
      const answer = await get(target, what, signal)
      if (!redirectStatuses.includes(answer.statusCode ?? 0)) return answer
      answer.destroy()
      const next = redirectOf(answer, target, first)
      if (next === null || redirects === maxRedirects) return null
      target = next
    }
  }

  function redirectOf({ headers: { location = '' } }: IncomingMessage, from: Target, named: Target): Target | null {
    if (!URL.canParse(location, from.url.href)) return null
    const url = new URL(location, from.url)
    const permission = rule.ofRedirect(url, from.url, named.url)
    if (permission === null) {
      log.warn(
        { event: 'stem.redirect-refused', from: from.url.host, to: url.host },
        'a file server redirects a stem to a host that is not allowed; STEM_HOSTS_ALLOWED can allow it',
      )
    }
    return permission === null ? null : { url, permission }
  }

  function targetOf({ task, stem }: StemOfTask): Target | null {
    const own = ownAddressOf(task.provider, stem.url.value)
    if (own !== null) return { url: new URL(own), permission: 'any' }
    const url = new URL(stem.url.value)
    const permission = rule.ofNamed(url)
    return permission === null ? null : { url, permission }
  }

  function failure(error: unknown, { url }: Target): NoFile {
    const isPrivate = error instanceof PrivateAddressError
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    // Not the error itself, whose text may hold the address, which is a credential.
    log.debug(
      { host: url.host, code, reason: error instanceof Error ? error.name : 'unknown' },
      'a stem was not fetched',
    )
    return { kind: isPrivate ? 'not-allowed' : 'failed' }
  }

  async function ask(target: Target, what: RangeAsk, signal: AbortSignal): Promise<OpenFile | NoFile | 'unranged'> {
    try {
      const answer = await follow(target, what, signal)
      return answer === null ? { kind: 'not-allowed' } : openAnswer(answer)
    } catch (error) {
      return failure(error, target)
    }
  }

  return {
    async open(stem, range, signal): Promise<OpenFile | NoFile> {
      const target = targetOf(stem)
      if (target === null) return { kind: 'not-allowed' }
      let opened = await ask(target, { range, ifRange: null }, signal)
      if (opened === 'unranged') opened = await ask(target, { range: null, ifRange: null }, signal)
      if (opened === 'unranged') return { kind: 'failed' }
      if (opened.kind !== 'open') return opened
      return resumable(opened, { reopen: (what) => ask(target, what, signal), signal })
    },
    close() {
      for (const each of Object.values(agents)) for (const agent of Object.values(each)) agent.destroy()
    },
  }
}
