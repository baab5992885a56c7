import { clusterBreachKinds } from './cluster-breach.ts'
import type { ClusterReport } from './cluster-run.ts'
import { breachKinds } from './evidence.ts'
import type { FaultReport } from './fault-run.ts'
import type { JoiningReport } from './joining.ts'
import type { PaceReport } from './shared-pace.ts'

const mostRows = 50
const mostWords = 2_000

type Row = readonly [name: string, value: number | string]
interface Differing {
  readonly breaches: readonly { readonly kind: string; readonly detail: string }[]
  readonly lastWords: string
}

/** The report as a table for people, with the rows that differ at its end. */
export function printReport(report: FaultReport, run: { readonly seed: string; readonly separations: number }): string {
  const { breaches, counts, struck, killed } = report
  const rows: readonly Row[] = [
    ['seed', run.seed],
    ['separations', run.separations],
    ...Object.entries(counts),
    ...faultRows(struck),
    ['kills', sum(killed.values())],
    ...indented(killed),
    ...breachRows(breachKinds, breaches),
    ['duration', `${report.seconds} s`],
  ]
  return print(rows, report)
}

/** The same of several gateways. */
export function printClusterReport(
  report: ClusterReport,
  run: { readonly seed: string; readonly separations: number },
): string {
  const { breaches, counts, struck, recoveries, settledAfterStopsMs } = report
  const kinds = [...new Set(recoveries.map(({ kind }) => kind))].toSorted()
  const rows: readonly Row[] = [
    ['seed', run.seed],
    ['separations', run.separations],
    ...Object.entries(counts),
    ...faultRows(struck),
    ['faults of what the gateways share', recoveries.length],
    ...kinds.flatMap((kind): readonly Row[] => {
      const of = recoveries.filter((each) => each.kind === kind)
      return [
        [`  ${kind}`, `${of.length} (met ${sum(of.map(({ met }) => met))})`],
        ['    until an order is answered', times(of.flatMap(({ ordersMs }) => ordersMs))],
        ['    until a callback is told elsewhere', times(of.flatMap(({ toldMs }) => toldMs))],
      ]
    }),
    ['gateways stopped for longer than a lease', settledAfterStopsMs.length],
    ...(settledAfterStopsMs.length === 0
      ? []
      : [['  until the others settled its tasks', times(settledAfterStopsMs)] as const]),
    ...breachRows(clusterBreachKinds, breaches),
    ['duration', `${report.seconds} s`],
  ]
  return print(rows, report)
}

/** How often a vendor is asked by one gateway or by several. */
export function printPaceReport(report: PaceReport): string {
  const { gateways, reads, mostReads, mostOrders, breaches } = report
  const rows: readonly Row[] = [
    ['gateways', gateways],
    ['reads of a task by interval', `${reads.min} to ${reads.max}, ${reads.mean.toFixed(1)} on average`],
    ['  in intervals', reads.intervals],
    ...(mostReads === null ? [] : [['most reads in a second, of', `${mostReads.most} of ${mostReads.limit}`] as const]),
    ...(mostOrders === null ? [] : [['most orders in 10 s, of', `${mostOrders.most} of ${mostOrders.limit}`] as const]),
    ...breachRows(['asked out of pace'], breaches),
  ]
  return print(rows, { breaches, lastWords: '' })
}

/** What became of many callers at one time. */
export function printJoiningReport(report: JoiningReport): string {
  const { breaches, rounds, callers, slowestMs } = report
  const rows: readonly Row[] = [
    ['callers in each round', callers],
    ...indented(rounds),
    ['slowest round', `${Math.round(slowestMs)} ms`],
    ...breachRows([...new Set(breaches.map(({ kind }) => kind))], breaches),
    ['rounds gone wrong', breaches.length],
  ]
  return print(rows, report)
}

function print(rows: readonly Row[], { breaches, lastWords }: Differing): string {
  const details = breaches.slice(0, mostRows).map(({ kind, detail }) => `${kind}: ${detail}`)
  const words = breaches.length > 0 && lastWords !== '' ? ['The gateway said:', lastWords.slice(-mostWords)] : []
  return [...rows.map(([name, value]) => `${name.padEnd(44)} ${value}`), ...details, ...words].join('\n')
}

function faultRows(struck: ReadonlyMap<string, number>): readonly Row[] {
  const kinds = [...struck.values()].filter((count) => count > 0).length
  return [['faults', `${sum(struck.values())} of ${kinds} kinds`], ...indented(struck)]
}

function breachRows(kinds: readonly string[], breaches: Differing['breaches']): readonly Row[] {
  return kinds.map((kind) => [kind, breaches.filter((breach) => breach.kind === kind).length])
}

function indented(counts: ReadonlyMap<string, number>): readonly Row[] {
  return [...counts].map(([name, count]) => [`  ${name}`, count])
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((a, b) => a + b, 0)
}

function times(inMs: readonly number[]): string {
  const sorted = inMs.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `max ${Math.round(sorted.at(-1) ?? 0)} ms, median ${Math.round(median)} ms`
}
