import { UsageError } from '../runtime/usage-error.ts'
import { providerNames, type ProviderName } from '../separation/task/provider-name.ts'

/** A provider, in upper or lower case. Throws UsageError. */
export function parseProvider(text: string): ProviderName {
  return parseOneOf(text, providerNames, 'provider')
}

/** One of several words, in upper or lower case, with `-` or `_`. Throws UsageError with all of them. */
export function parseOneOf<T extends string>(text: string, words: readonly T[], what: string): T {
  const plain = (word: string) => word.toLowerCase().replaceAll('-', '_')
  const found = words.find((word) => plain(word) === plain(text))
  if (found === undefined) {
    const list = new Intl.ListFormat('en', { type: 'disjunction' }).format(words.map((word) => word.toLowerCase()))
    throw new UsageError(`Unknown ${what}. It can be ${list}.`)
  }
  return found
}

/** The owner of tasks. Throws UsageError. */
export function parseOwner(text: string): string {
  if (!/^(anonymous|key:[\w.-]+|jwt:.+\|.+)$/.test(text)) {
    throw new UsageError('The owner must be a caller such as key:web, jwt:<issuer>|<subject> or anonymous.')
  }
  return text
}

/** The owner that an option names; null if it is not given. Throws UsageError. */
export function parseOwnerOption(text: string | null): string | null {
  return text === null ? null : parseOwner(text)
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A time such as `90s`, `15m`, `2h` or `7d`, in milliseconds. Throws UsageError. */
export function parseDuration(text: string, option: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})\s*([smhd])$/i.exec(text) ?? []
  const ms = unitMs[unit.toLowerCase()]
  if (ms === undefined) throw new UsageError(`--${option} must be a time such as 90s, 15m, 2h or 7d.`)
  return Number(amount) * ms
}

/** A whole number within these bounds. Throws UsageError. */
export function parseCount(text: string, option: string, { min, max }: { min: number; max: number }): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (!(count >= min && count <= max)) throw new UsageError(`--${option} must be a number from ${min} to ${max}.`)
  return count
}

/** A day of UTC such as 2027-01-15, as the time of its begin in milliseconds since 1970. Throws UsageError. */
export function parseDay(text: string, option: string): number {
  const atMs = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN
  // Date.parse takes 2027-02-30 in some engines.
  const isDay = !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(text)
  if (!isDay) throw new UsageError(`--${option} must be a day such as 2027-01-15.`)
  return atMs
}
