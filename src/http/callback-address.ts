import { createHmac, timingSafeEqual } from 'node:crypto'
import type { CallbackAddresses } from '../separation/ports.ts'
import { providerNames, type ProviderName } from '../separation/task.ts'

export interface CallbackAddressOptions {
  /** Where providers reach us, without a slash at its end; asked for at each use, because the port may be known late. */
  readonly publicUrl: () => string
  /** The first signs, all are accepted. */
  readonly secrets: readonly string[]
}

export interface CallbackAddressBook extends CallbackAddresses {
  /** Whose address a path is, if it is one that only we can have made. The host does not count: it may have moved. */
  read(path: string): { readonly provider: ProviderName; readonly taskId: string } | null
}

const addressForm = /^\/callbacks\/([a-z]+)\/(sep_[0-9a-z]{26})\/([\w-]{43})$/
/** The task that stands in an address of ours, whatever follows it, and however much of it was cut off before. */
const namedTask = /\/callbacks\/[a-z]+\/(sep_[0-9a-z]{26})(?![0-9a-z])/

/** Every task's callback address is its own: `/callbacks/<provider>/<task id>/<token>`, the token an HMAC of the rest. */
export function createCallbackAddresses({ publicUrl, secrets }: CallbackAddressOptions): CallbackAddressBook {
  const [signing] = secrets
  if (signing === undefined) throw new TypeError('Callback addresses need a secret.')

  function read(path: string) {
    const [, name, taskId = '', token = ''] = addressForm.exec(path) ?? []
    const provider = providerNames.find((each) => each === name)
    if (provider === undefined) return null
    const given = Buffer.from(token)
    // Every secret is tried, so that the time tells nothing of which one fits.
    const fits = secrets.map((secret) => timingSafeEqual(Buffer.from(tokenOf(secret, provider, taskId)), given))
    return fits.includes(true) ? { provider, taskId } : null
  }

  return {
    read,
    urlOf: (provider, taskId) => `${publicUrl()}/callbacks/${provider}/${taskId}/${tokenOf(signing, provider, taskId)}`,
    taskOf(url) {
      // What stands before /callbacks is the path of PUBLIC_URL, which may have changed as well.
      const path = /\/callbacks\/[^?#\s]*/.exec(decoded(url))?.[0].replace(/\/+$/, '')
      return path === undefined ? null : (read(path)?.taskId ?? null)
    },
    namedIn: (url) => namedTask.exec(decoded(url))?.[1] ?? null,
  }
}

/** A provider may echo an address in another spelling than it was given: percent-encoded, once or twice. */
function decoded(url: string): string {
  try {
    const once = decodeURIComponent(url)
    return once === url ? url : decodeURIComponent(once)
  } catch {
    return url
  }
}

function tokenOf(secret: string, provider: ProviderName, taskId: string): string {
  return createHmac('sha256', secret).update(`${provider}/${taskId}`).digest('base64url')
}
