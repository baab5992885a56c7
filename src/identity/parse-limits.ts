import { budgetKinds, budgetPeriods, type Budget, type CallerLimits } from '../separation/caller-limits.ts'
import { providerNames, type ProviderName } from '../separation/task/provider-name.ts'
import { separationTypes, type SeparationType } from '../separation/task/separation-type.ts'

/** What the fields of a caller say. */
export interface ParsedLimits {
  readonly limits: CallerLimits
  /** When the credential ends, in milliseconds since 1970; null: never. */
  readonly expiresAtMs: number | null
}

const otherFields = ['providers', 'types', 'expires', 'webhook'] as const

/** In characters. */
const maxUrlLength = 2_000

/**
 * Parses fields such as `orders=500/day split_stem=50/day credits=2000/month providers=kie+apikley types=separate_vocal
 * expires=2027-01-01 webhook=https://app.example.com/stems`, separated by spaces. Calls `onMistake` with each mistake. A mistake repeats nothing of the text, which
 * may be a key in the wrong place.
 */
export function parseLimits(text: string, onMistake: (mistake: string) => void): ParsedLimits {
  const budgets: Budget[] = []
  let providers: readonly ProviderName[] | null = null
  let types: readonly SeparationType[] | null = null
  let expiresAtMs: number | null = null
  let webhookUrl: string | null = null
  const fields = text.split(/\s+/).filter((field) => field !== '')
  const seen = new Set<string>()

  for (const [index, field] of fields.entries()) {
    const [, name, value = ''] = /^(\w+)=(.+)$/.exec(field) ?? []
    const known = [...budgetKinds, ...otherFields].find((each) => each === name)
    if (known === undefined) {
      onMistake(`field ${index + 1} is unknown: the fields are ${[...budgetKinds, ...otherFields].join(', ')}`)
      continue
    }
    let what: string = known
    if (known === 'providers') providers = namesIn(known, value, providerNames)
    else if (known === 'types') types = namesIn(known, value, separationTypes)
    else if (known === 'expires') expiresAtMs = timeIn(value)
    else if (known === 'webhook') webhookUrl = urlIn(value)
    else {
      const budget = budgetIn(known, value)
      if (budget === null) continue
      budgets.push(budget)
      what = `${known} per ${budget.period}`
    }
    if (seen.has(what)) onMistake(`${what} is given twice`)
    seen.add(what)
  }
  return { limits: { budgets, providers, types, webhookUrl }, expiresAtMs }

  function budgetIn(kind: Budget['kind'], value: string): Budget | null {
    const [, amount = '', name] = /^(\d{1,12}(?:\.\d{1,6})?)\/(\w+)$/.exec(value) ?? []
    const period = budgetPeriods.find((each) => each === name)
    if (period !== undefined && (kind === 'credits' || /^\d+$/.test(amount))) {
      return { kind, period, limit: Number(amount) }
    }
    onMistake(`${kind} must be a number per day or month, such as ${kind}=500/day`)
    return null
  }

  function namesIn<Name extends string>(field: string, value: string, names: readonly Name[]): readonly Name[] {
    const given = value.toLowerCase().split('+')
    if (!given.every((each) => names.some((name) => name === each))) {
      onMistake(`${field} must be some of ${names.join(', ')}, separated by +`)
    }
    return names.filter((name) => given.includes(name))
  }

  function urlIn(value: string): string {
    const isUrl = /^https?:\/\/[^@#]+$/i.test(value) && value.length <= maxUrlLength && URL.canParse(value)
    if (!isUrl) onMistake('webhook must be a URL that begins with https://, without a user name, a password or #')
    return value
  }

  function timeIn(value: string): number {
    const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/.test(value) ? Date.parse(value) : Number.NaN
    // Date.parse turns 30 February into 2 March.
    if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(value.replace('Z', ''))) return time
    onMistake('expires must be a day or a time in UTC, such as 2027-01-01 or 2027-01-01T18:00:00Z')
    return 0
  }
}
