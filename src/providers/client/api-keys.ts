import { derived } from '../../runtime/derived.ts'
import { createApiKey, type ApiKey, type ApiKeyOptions } from './api-key.ts'

/** The operator's API keys at one provider. They may be those of several accounts, and may be replaced at any time. */
export interface ApiKeys {
  /** In the operator's order. Empty: the provider is off. */
  all(): readonly ApiKey[]
  /** In the order in which an order tries them: keys that are set aside, or may not be able to pay it, come last. */
  forOrders(mayPay: (key: ApiKey) => boolean): readonly ApiKey[]
  /** In the order in which a read tries them: keys that the provider refuses come last. */
  forReads(): readonly ApiKey[]
  /** Whether the key is still one of them: it may have been removed while a request with it was under way. */
  isInUse(key: ApiKey): boolean
}

/** @param options.keys called at each request; no key occurs twice */
export function createApiKeys(options: ApiKeyOptions & { readonly keys: () => readonly string[] }): ApiKeys {
  let current: readonly ApiKey[] = []
  const all = derived(options.keys, (texts) => {
    // What is known of a key stays known while it keeps its place.
    const known = texts.map((text, index) => (current[index]?.text === text ? current[index] : null))
    for (const key of current.filter((each) => !known.includes(each))) forget(key)
    current = texts.map((text, index) => known[index] ?? createApiKey(text, index + 1, options))
    return current
  })
  return {
    all,
    forOrders: (mayPay) => lastIf(all(), (key) => key.isSetAside() || !mayPay(key)),
    forReads: () => lastIf(all(), (key) => key.checkRefusals.isDown()),
    isInUse: ({ text }) => all().some((key) => key.text === text),
  }
}

/** The same keys; those of which the condition is true come last. */
function lastIf(keys: readonly ApiKey[], isLast: (key: ApiKey) => boolean): readonly ApiKey[] {
  return [...keys.filter((key) => !isLast(key)), ...keys.filter(isLast)]
}

/** Ends outages of a key that is not used any more, without a line. */
function forget({ orderRefusals, checkRefusals, creditShortage }: ApiKey): void {
  for (const outage of [orderRefusals, checkRefusals, creditShortage]) outage.forget()
}
