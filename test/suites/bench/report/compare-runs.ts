import { median } from '../latency.ts'
import { printNumber, printTable } from './print-table.ts'
import { medianRatio } from './ratio.ts'
import type { Result, Run } from './result.ts'

export interface Change {
  readonly name: string
  readonly unit: string
  readonly before: number
  readonly after: number
  /** How many times better the value became; below 1 it became worse. */
  readonly gain: number
  /** The same for the ratio to the limit, which a busier machine hardly changes; null if either run lacks it. */
  readonly gainOfRatio: number | null
}

/** The results that both runs have, in the order of the later run. */
export function compareRuns(earlier: Run, later: Run): readonly Change[] {
  const known = new Map(earlier.results.map((result) => [result.name, result]))
  return later.results.flatMap((result) => {
    const before = known.get(result.name)
    if (before === undefined || before.gateway.length === 0 || result.gateway.length === 0) return []
    const [was, is] = [median(before.gateway), median(result.gateway)]
    const [ratioWas, ratioIs] = [ratioOf(before), ratioOf(result)]
    return [
      {
        name: result.name,
        unit: result.unit,
        before: was,
        after: is,
        gain: gainOf(result, was, is),
        gainOfRatio: ratioWas === null || ratioIs === null ? null : gainOf(result, ratioWas, ratioIs),
      },
    ]
  })
}

export function printChanges(earlier: Run, changes: readonly Change[]): string {
  const rows = [
    ['', 'unit', 'before', 'now', 'gain', 'gain against the limit'],
    ...changes.map(({ name, unit, before, after, gain, gainOfRatio }) => [
      name,
      unit,
      printNumber(before),
      printNumber(after),
      `${gain.toFixed(2)} ×`,
      gainOfRatio === null ? '' : `${gainOfRatio.toFixed(2)} ×`,
    ]),
  ]
  return `Compared with the run of ${earlier.at} (${earlier.commit ?? 'unknown commit'}):\n\n${printTable(rows)}`
}

function ratioOf({ gateway, limit }: Result): number | null {
  return limit === null ? null : medianRatio(gateway, limit.rounds)
}

function gainOf({ better }: Result, before: number, after: number): number {
  return better === 'more' ? after / before : before / after
}
