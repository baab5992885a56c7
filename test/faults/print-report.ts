import { breachKinds } from './compare.ts'
import type { FaultReport } from './fault-run.ts'

const mostRows = 50
const mostWords = 2_000

/** The report as a table for people, with the rows that differ at its end. */
export function printReport(report: FaultReport, run: { readonly seed: string; readonly separations: number }): string {
  const { breaches, counts, struck, killed } = report
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((a, b) => a + b, 0)
  const kinds = [...struck.values()].filter((count) => count > 0).length
  const rows: [string, number | string][] = [
    ['seed', run.seed],
    ['separations', run.separations],
    ...Object.entries(counts),
    ['faults', `${sum(struck.values())} of ${kinds} kinds`],
    ...indented(struck),
    ['kills', sum(killed.values())],
    ...indented(killed),
    ...breachKinds.map((kind): [string, number] => [kind, breaches.filter((breach) => breach.kind === kind).length]),
    ['duration', `${report.seconds} s`],
  ]
  const details = breaches.slice(0, mostRows).map(({ kind, detail }) => `${kind}: ${detail}`)
  const words =
    breaches.length > 0 && report.lastWords !== '' ? ['The gateway said:', report.lastWords.slice(-mostWords)] : []
  return [...rows.map(([name, value]) => `${name.padEnd(40)} ${value}`), ...details, ...words].join('\n')
}

function indented(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].map(([name, count]) => [`  ${name}`, count])
}
