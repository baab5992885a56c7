import { promises } from './breach.ts'
import type { FuzzReport } from './fuzz-run.ts'

const mostVerdicts = 24
/** Of each promise. */
const mostDetails = 3

/** The report as a table for people, with what was found at its end. */
export function printFuzzReport(report: FuzzReport, seed: number): string {
  const { families, forgeries, breaches, charges, resident, seconds } = report
  const lines = [`seed ${seed}`, '']
  for (const { name, inputs, seconds: took, verdicts, slowestMs } of families) {
    lines.push(
      `${name.padEnd(34)}${String(inputs).padStart(9)} inputs in ${took.toFixed(1)} s, the slowest ${Math.round(slowestMs)} ms`,
    )
    const most = [...verdicts].toSorted(([, a], [, b]) => b - a)
    for (const [verdict, count] of most.slice(0, mostVerdicts)) lines.push(row(`  ${verdict}`, count))
    const rest = most.slice(mostVerdicts)
    if (rest.length > 0)
      lines.push(
        row(
          `  ${rest.length} other kinds`,
          rest.reduce((sum, [, count]) => sum + count, 0),
        ),
      )
  }
  if (forgeries.size > 0)
    lines.push(
      '',
      'forgeries',
      ...[...forgeries].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => row(`  ${kind}`, count)),
    )
  lines.push(
    '',
    row(
      'inputs',
      families.reduce((sum, { inputs }) => sum + inputs, 0),
    ),
    row('charges', charges),
  )
  for (const { name, before, after } of resident) {
    lines.push(`${`resident, the gateway ${name}`.padEnd(52)} ${mib(before)} at first, ${mib(after)} in the end`)
  }
  lines.push(`${'duration'.padEnd(52)} ${Math.round(seconds)} s`, '', 'broken promises')
  for (const promise of promises)
    lines.push(row(`  ${promise}`, breaches.filter((each) => each.promise === promise).length))
  for (const promise of promises) {
    const broken = breaches.filter((each) => each.promise === promise)
    lines.push(
      ...broken.slice(0, mostDetails).map(
        ({ detail }) => `
${promise}: ${detail}`,
      ),
    )
  }
  return lines.join('\n')
}

function row(name: string, count: number): string {
  return `${name.slice(0, 52).padEnd(52)} ${String(count).padStart(9)}`
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`
}
