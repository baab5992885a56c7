import { ConfigError } from '../../config/config.ts'
import { UsageError } from '../../runtime/usage-error.ts'
import { sandboxPrices } from '../../sandbox/ledger.ts'
import type { ChargeCount } from '../../separation/store/operator-store.ts'
import type { AdminContext, Command, CommandInput } from '../command.ts'
import { formatCsv } from '../csv.ts'
import { countedCharges, type ChargeSums, type Dimension, type PriceList } from '../count-charges.ts'
import { parseDay, parseOneOf } from '../parse-values.ts'
import { formatTable } from '../table.ts'

const dimensions: readonly Dimension[] = ['day', 'owner', 'provider', 'type']
const dayMs = 24 * 60 * 60_000
const maxDays = 3_660

/** Counts what was charged. */
export const charges: Command = {
  name: 'charges',
  summary: 'Count the orders that were charged, or may be',
  details:
    'Counts the orders that were placed from one day to another, by the charge that is stored of them now. Days are those\n' +
    'of UTC, as for budgets. Credits are what the charged orders cost by the prices in the environment of a gateway, and by\n' +
    'those of the sandbox; they are missing where a price is. Tasks that were made outside are not counted: they were not\n' +
    'ordered here.',
  usage: '',
  args: { min: 0, max: 0 },
  options: {
    by: {
      value: '<what>',
      multiple: true,
      help: 'day, owner, provider, type, or several of them; by default provider',
    },
    from: { value: '<day>', help: 'the first day, such as 2027-01-01; by default the first of this month' },
    to: { value: '<day>', help: 'the last day; by default today' },
    csv: { help: 'print CSV, for a spreadsheet' },
  },
  changes: false,
  async run(input, context) {
    const given = input.texts('by').map((text) => parseOneOf(text, dimensions, 'grouping'))
    const by = given.length === 0 ? (['provider'] as const) : dimensions.filter((each) => given.includes(each))
    const days = parseDays(input)
    const { operator, nowMs } = await context.store()
    const { startMs, endMs } = rangeOf(days, nowMs())
    const prices = await pricesIn(context)
    const oldestMs = (await operator.oldestTaskMs()) ?? endMs
    const counts: ChargeCount[] = []
    // A day at a time, so that no query takes long. The time in an id may differ a little from that of its task.
    for (let dayStartMs = startMs; dayStartMs < endMs; dayStartMs += dayMs) {
      if (dayStartMs + 2 * dayMs < oldestMs) continue
      counts.push(...(await operator.countCharges(dayStartMs, dayStartMs + dayMs)))
    }
    const groups = countedCharges(counts, by, prices)
    const total = countedCharges(counts, [], prices)[0]
    const titles = [...by, 'orders', 'charged', 'maybe', 'credits']
    const cells = groups.map(({ key, sums }) => [...key, ...cellsOf(sums)])
    const from = dayOf(startMs)
    const to = dayOf(endMs - dayMs)
    const json = {
      from,
      to,
      by,
      groups: groups.map(({ key, sums }) => ({ ...named(by, key), ...sums })),
      total: total?.sums ?? null,
    }
    if (input.has('csv')) return { text: formatCsv([titles, ...cells]), json }
    if (total === undefined) return { text: `Nothing was ordered from ${from} to ${to}.`, json }
    const columns = titles.map((title, index) => ({
      title: title.toUpperCase(),
      align: index < by.length ? ('left' as const) : ('right' as const),
    }))
    const totalRow = [...by.map((_, index) => (index === 0 ? 'total' : '')), ...cellsOf(total.sums)]
    return { text: `From ${from} to ${to} (UTC)\n\n${formatTable(columns, [...cells, totalRow])}`, json }
  },
}

function cellsOf({ orders, charged, maybe, credits }: ChargeSums): readonly (number | null)[] {
  return [orders, charged, maybe, credits]
}

function named(by: readonly Dimension[], key: readonly string[]): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(by.map((name, index) => [name, key[index]]))
}

interface Days {
  readonly fromMs: number | null
  readonly toMs: number | null
}

function parseDays(input: CommandInput): Days {
  const from = input.text('from')
  const to = input.text('to')
  return {
    fromMs: from === null ? null : parseDay(from, 'from'),
    toMs: to === null ? null : parseDay(to, 'to'),
  }
}

function rangeOf({ fromMs, toMs }: Days, nowMs: number): { readonly startMs: number; readonly endMs: number } {
  const now = new Date(nowMs)
  const endMs = (toMs ?? Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())) + dayMs
  const last = new Date(endMs - dayMs)
  const startMs = fromMs ?? Date.UTC(last.getUTCFullYear(), last.getUTCMonth(), 1)
  if (startMs >= endMs) throw new UsageError(`--from must not be after ${toMs === null ? 'today' : '--to'}.`)
  if (endMs - startMs > maxDays * dayMs) throw new UsageError('That is more than ten years. Set --from and --to.')
  return { startMs, endMs }
}

/** The prices in the environment; none if the environment is not that of a gateway. */
async function pricesIn({ settings, note }: AdminContext): Promise<PriceList> {
  try {
    const { prices } = (await settings()).config
    return (provider, type) => (provider === 'sandbox' ? sandboxPrices : prices[provider]).get(type)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    note('Credits are not shown: the environment is not that of a gateway. See check-config.')
    return () => undefined
  }
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10)
}
