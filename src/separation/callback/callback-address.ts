import { createHmac, timingSafeEqual } from 'node:crypto'
import { providerNames, type ProviderName } from '../task/provider-name.ts'
import type { Task } from '../task/task.ts'
import { derived } from '../../runtime/derived.ts'
import { taskIdPrefix } from '../task/task-id.ts'
import { createOrderSeal, type AddressedOrder } from './sealed-order.ts'

/** The path below which providers send callbacks: `/callbacks/<provider>/<task id>/<token>.<sealed order>`. */
export const callbacksPath = '/callbacks/'

export interface CallbackAddressOptions {
  /** Where providers reach the gateway, without a trailing slash. Called at each use, because the port may be assigned late. */
  readonly publicUrl: () => string
  /** The first secret signs; all of them are accepted. Called at each use, as they may be replaced by another list. */
  readonly secrets: () => readonly string[]
}

/** A callback address whose token verifies. */
export interface CallbackAddress {
  readonly provider: ProviderName
  readonly taskId: string
  /** null if the address contains no order. */
  readonly order: AddressedOrder | null
}

/** Makes and parses callback addresses. */
export interface CallbackAddresses {
  /** The address of a task. It contains the task's secret: only the provider may see it. */
  urlOf(task: Pick<Task, 'id' | 'provider' | 'owner' | 'type' | 'musicTaskId' | 'audioId' | 'reference'>): string
  /** The address at this path; null unless its token verifies. The host is ignored: it may have changed. */
  parse(path: string): CallbackAddress | null
  /** The task of a URL whose token verifies, else null. */
  taskOf(url: string): string | null
  /** The order in a URL whose token verifies, else null. */
  orderOf(url: string): AddressedOrder | null
  /** The task that a URL names even if its token does not verify, as when a provider masks it; null if it names none. */
  namedIn(url: string): string | null
}

/** In characters. A provider may store the address in a column of limited length. */
const maxAddressLength = 480
const tokenLength = 43
const task = `${taskIdPrefix}_[0-9a-z]{26}`
const addressPattern = new RegExp(`^${callbacksPath}([a-z]+)/(${task})/([\\w-]{${tokenLength}})(?:\\.([\\w-]+))?$`)
const pathPattern = new RegExp(`${callbacksPath}[^?#\\s]*`)
/** The token and what follows it may be missing. */
const namedTaskPattern = new RegExp(`${callbacksPath}[a-z]+/(${task})(?![0-9a-z])`)
const slash = '(?:/|%2f)'
const ownAddressPattern = new RegExp(`callbacks${slash}[a-z]+${slash}${taskIdPrefix}_`, 'i')
/** With or without its host. */
const anyCallbackPath = new RegExp(`${slash}callbacks${slash}[^\\s"'<>]+`, 'gi')
/** A token by itself, with the sealed order that may follow it. */
const anyToken = new RegExp(`(?<![\\w-])[\\w-]{${tokenLength}}(?:\\.[\\w-]{40,}|(?![\\w-]))`, 'g')

/**
 * Creates the callback addresses of a deployment. The token in an address is an HMAC of the provider and the task id, and
 * proves that the gateway made the address. The sealed order restores the task in a store that has lost it; an address
 * without it works all the same.
 */
export function createCallbackAddresses({ publicUrl, secrets }: CallbackAddressOptions): CallbackAddresses {
  const allSigners = derived(secrets, (list) => list.map((secret) => ({ secret, orders: createOrderSeal(secret) })))
  function signing() {
    const [first] = allSigners()
    if (first === undefined) throw new TypeError('Callback addresses need a secret.')
    return first
  }

  function parse(path: string): CallbackAddress | null {
    const [, name, taskId = '', token = '', sealed] = addressPattern.exec(path) ?? []
    const provider = providerNames.find((each) => each === name)
    if (provider === undefined) return null
    const subject = `${provider}/${taskId}`
    const given = Buffer.from(token)
    const signers = allSigners()
    // Compares with every secret, so that the duration does not show which one matches.
    const matches = signers.map(({ secret }) => timingSafeEqual(Buffer.from(tokenOf(secret, subject)), given))
    const signer = signers[matches.indexOf(true)]
    if (signer === undefined) return null
    if (sealed === undefined) return { provider, taskId, order: null }
    const order = signer.orders.open(sealed, subject)
    return order === null ? null : { provider, taskId, order: { provider, taskId, ...order } }
  }

  function parseUrl(url: string): CallbackAddress | null {
    // The path of PUBLIC_URL comes first, and may have changed as well.
    const path = pathPattern.exec(decodeTwice(url))?.[0].replace(/\/+$/, '')
    return path === undefined ? null : parse(path)
  }

  return {
    parse,
    urlOf({ id, provider, owner, type, musicTaskId, audioId, reference }) {
      const subject = `${provider}/${id}`
      const { secret, orders } = signing()
      const bare = `${publicUrl()}${callbacksPath}${subject}/${tokenOf(secret, subject)}`
      // A restored order without its track is joined by no other order, but keeps its result.
      return (
        [
          { owner, type, musicTaskId, audioId, reference },
          { owner, type, musicTaskId, audioId, reference: null },
          { owner, type, musicTaskId: null, audioId: null, reference: null },
        ]
          .map((order) => `${bare}.${orders.seal(order, subject)}`)
          .find(({ length }) => length <= maxAddressLength) ?? bare
      )
    },
    taskOf: (url) => parseUrl(url)?.taskId ?? null,
    orderOf: (url) => parseUrl(url)?.order ?? null,
    namedIn: (url) => namedTaskPattern.exec(decodeTwice(url))?.[1] ?? null,
  }
}

/** Whether the text contains the secret address of a task, in any encoding. */
export function containsCallbackAddress(text: string): boolean {
  return ownAddressPattern.test(text)
}

/** The text without callback paths. */
export function redactCallbackPaths(text: string, replacement: string): string {
  return text.replace(anyCallbackPath, replacement)
}

/** The text without anything that has the form of a callback token. */
export function redactCallbackTokens(text: string, replacement: string): string {
  return text.replace(anyToken, replacement)
}

/** Decodes percent-encoding once or twice: a provider may encode the URL that it echoes. */
function decodeTwice(url: string): string {
  const once = decodeOnce(url)
  return once === url ? url : decodeOnce(once)
}

function decodeOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function tokenOf(secret: string, subject: string): string {
  return createHmac('sha256', secret).update(subject).digest('base64url')
}
