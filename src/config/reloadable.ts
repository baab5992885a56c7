import type { SetVariables } from './environment.ts'

/** The variables whose new values a running gateway can use. `App.reconfigure` applies them. */
export const reloadableNames: readonly string[] = [
  'LOG_LEVEL',
  'REQUESTS_PER_MINUTE',
  'SEPARATES_PER_MINUTE',
  'ORDERS_PER_DAY',
  'SUBMITS_PER_10_SECONDS',
  'READS_PER_SECOND',
  'KIE_API_KEY',
  'APIKLEY_API_KEY',
  'SUNOAPI_API_KEY',
  'KIE_WEBHOOK_KEY',
  'KIE_CREDITS_WARNING',
  'APIKLEY_CREDITS_WARNING',
  'SUNOAPI_CREDITS_WARNING',
  'CALLBACK_SECRET',
  'WEBHOOK_SECRET',
  'ADMIN_TOKEN',
]

/** These switch a provider on. A key can be replaced, but a provider cannot be switched on or off, while a gateway runs. */
const providerKey = /^(KIE|APIKLEY|SUNOAPI)_API_KEY$/

/** The variables with which a gateway can go on without a restart. */
export interface ReloadedVariables {
  readonly variables: SetVariables
  /** The names of the changed variables that are used from now on. */
  readonly reloaded: readonly string[]
  /** The names of the changed variables that are used after a restart. */
  readonly waiting: readonly string[]
}

/**
 * Takes over what can change while the gateway runs.
 * @param before the variables that the gateway uses
 * @param after the variables that are set now
 */
export function reloadVariables(before: SetVariables, after: SetVariables): ReloadedVariables {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  const changed = names.filter((name) => before[name] !== after[name])
  const isReloadable = (name: string) =>
    reloadableNames.includes(name) && (!providerKey.test(name) || (name in before && name in after))
  const reloaded = changed.filter(isReloadable)
  const kept = Object.entries(before).filter(([name]) => !reloaded.includes(name))
  const taken = Object.entries(after).filter(([name]) => reloaded.includes(name))
  return {
    variables: Object.fromEntries([...kept, ...taken]),
    reloaded,
    waiting: changed.filter((name) => !isReloadable(name)),
  }
}
