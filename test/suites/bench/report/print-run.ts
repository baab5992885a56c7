import { median } from '../latency.ts'
import { printNumber, printTable } from './print-table.ts'
import { isReached, medianRatio } from './ratio.ts'
import type { Goal, Result, Run } from './result.ts'

/** A row for each result, with its limit and its peers, followed by the notes. */
export function printRun({ results, machine, load, commit }: Run): string {
  const rows = [
    ['', 'unit', 'Stemgate', 'from … to', 'limit', 'ratio', 'goal', ''],
    ...results.flatMap((result) => [rowOf(result), ...peerRowsOf(result)]),
  ]
  const notes = results.flatMap(({ name, limit, notes: own }) => [
    ...(limit === null ? [] : [`${name}: the limit is ${limit.name}.`]),
    ...own.map((note) => `${name}: ${note}`),
  ])
  return [
    printTable(rows),
    '',
    ...notes,
    '',
    'Medians of the rounds. A ratio is the median of the ratios of each round.',
    `${machine}; load average ${load.map((each) => each.toFixed(1)).join(' before and ')} after${commit === null ? '' : `; commit ${commit}`}.`,
  ].join('\n')
}

function rowOf(result: Result): readonly string[] {
  const { name, unit, gateway, limit, goal } = result
  const ratio = limit === null ? null : medianRatio(gateway, limit.rounds)
  const reached = isReached(result)
  return [
    name,
    unit,
    gateway.length === 0 ? '–' : printNumber(median(gateway)),
    gateway.length === 0 ? '' : `${printNumber(Math.min(...gateway))} … ${printNumber(Math.max(...gateway))}`,
    limit === null || limit.rounds.length === 0 ? '' : printNumber(median(limit.rounds)),
    ratio === null ? '' : ratio.toFixed(2),
    goal === null ? '' : printGoal(goal),
    reached === null ? '' : reached ? 'reached' : 'missed',
  ]
}

function peerRowsOf({ peers, limit }: Result): readonly (readonly string[])[] {
  return peers.map(({ name, rounds }) => {
    const ratio = limit === null ? null : medianRatio(rounds, limit.rounds)
    return [`  ${name}`, '', printNumber(median(rounds)), '', '', ratio === null ? '' : ratio.toFixed(2), '', '']
  })
}

function printGoal({ of, bound, value }: Goal): string {
  return `${bound === 'at least' ? '≥' : '≤'} ${printNumber(value)}${of === 'ratio' ? ' × limit' : ''}`
}
