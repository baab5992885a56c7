import type { Offer } from '../separation/offer.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import { badInput } from './bad-input.ts'

/** What the provider of this name offers. Throws BAD_USER_INPUT if it is not enabled. */
export function enabledOffer(offers: ReadonlyMap<ProviderName, Offer>, name: ProviderName): Offer {
  const offer = offers.get(name)
  if (offer !== undefined) return offer
  const enabled = [...offers.keys()].join(', ').toUpperCase()
  throw badInput(`${name.toUpperCase()} is not enabled here. Enabled: ${enabled}.`)
}
