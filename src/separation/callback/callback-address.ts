import { createHmac, timingSafeEqual } from 'node:crypto'
import { providerNames, type ProviderName, type Task } from '../task.ts'
import { createOrderSeal, type AddressedOrder } from './sealed-order.ts'

export interface CallbackAddressOptions {
  /** Where providers reach us, without a slash at its end; asked for at each use, because the port may be known late. */
  readonly publicUrl: () => string
  /** The first signs, all are accepted. */
  readonly secrets: readonly string[]
}

/** A callback address that only we can have made. */
export interface CallbackAddress {
  readonly provider: ProviderName
  readonly taskId: string
  /** null if the address says nothing of its order, as those that were made by the first version. */
  readonly order: AddressedOrder | null
}

/** Makes and recognises the addresses at which providers call us back. */
export interface CallbackAddresses {
  /** The address of one task. It holds the task's secret: give it to the provider alone. */
  urlOf(task: Pick<Task, 'id' | 'provider' | 'owner' | 'type' | 'musicTaskId' | 'audioId'>): string
  /** The task to which an address belongs that only we can have made; null for any other address. */
  taskOf(url: string): string | null
  /** What an address that only we can have made says of its order; null for any other address. */
  orderOf(url: string): AddressedOrder | null
  /** The task that an address names, whether it proves it or not, as where its token was masked; null if it names none. */
  namedIn(url: string): string | null
  /** Reads a path; null if it is none of ours. The host does not count: it may have moved. */
  read(path: string): CallbackAddress | null
}

/** No longer than this, in characters: a provider may keep an address in a column of a fixed length. */
const maxAddressLength = 480
const addressForm = /^\/callbacks\/([a-z]+)\/(sep_[0-9a-z]{26})\/([\w-]{43})(?:\.([\w-]+))?$/
/** The task that stands in an address of ours, whatever follows it, and however much of it was cut off before. */
const namedTask = /\/callbacks\/[a-z]+\/(sep_[0-9a-z]{26})(?![0-9a-z])/

/**
 * Every task's callback address is its own: `/callbacks/<provider>/<task id>/<token>.<sealed order>`. The token is an HMAC
 * of what stands before it and proves the address. The sealed order says whose order it is, for a store that has forgotten
 * it; an address without it is as good for everything else.
 */
export function createCallbackAddresses({ publicUrl, secrets }: CallbackAddressOptions): CallbackAddresses {
  const signers = secrets.map((secret) => ({ secret, orders: createOrderSeal(secret) }))
  const [signing] = signers
  if (signing === undefined) throw new TypeError('Callback addresses need a secret.')

  function read(path: string): CallbackAddress | null {
    const [, name, taskId = '', token = '', sealed] = addressForm.exec(path) ?? []
    const provider = providerNames.find((each) => each === name)
    if (provider === undefined) return null
    const place = `${provider}/${taskId}`
    const given = Buffer.from(token)
    // Every secret is tried, so that the time tells nothing of which one fits.
    const fits = signers.map(({ secret }) => timingSafeEqual(Buffer.from(tokenOf(secret, place)), given))
    const signer = signers[fits.indexOf(true)]
    if (signer === undefined) return null
    if (sealed === undefined) return { provider, taskId, order: null }
    const order = signer.orders.open(sealed, place)
    return order === null ? null : { provider, taskId, order: { provider, taskId, ...order } }
  }

  function readUrl(url: string): CallbackAddress | null {
    // What stands before /callbacks is the path of PUBLIC_URL, which may have changed as well.
    const path = /\/callbacks\/[^?#\s]*/.exec(decoded(url))?.[0].replace(/\/+$/, '')
    return path === undefined ? null : read(path)
  }

  return {
    read,
    urlOf({ id, provider, owner, type, musicTaskId, audioId }) {
      const place = `${provider}/${id}`
      const bare = `${publicUrl()}/callbacks/${place}/${tokenOf(signing.secret, place)}`
      // Who has no room for the track is joined by no order, but keeps the result.
      return (
        [
          { owner, type, musicTaskId, audioId },
          { owner, type, musicTaskId: null, audioId: null },
        ]
          .map((order) => `${bare}.${signing.orders.seal(order, place)}`)
          .find(({ length }) => length <= maxAddressLength) ?? bare
      )
    },
    taskOf: (url) => readUrl(url)?.taskId ?? null,
    orderOf: (url) => readUrl(url)?.order ?? null,
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

function tokenOf(secret: string, place: string): string {
  return createHmac('sha256', secret).update(place).digest('base64url')
}
