import type { CopyReport, Difference } from './copy-store.ts'
import { describeDatabase } from '../stores/database-url.ts'
import type { MoveOptions } from './move-options.ts'

/** What a move has come to: a table, what is missing and why, and what to do next. */
export function formatReport(report: CopyReport, { from, to }: MoveOptions): string {
  const later = report.differences.find(({ table, diff }) => table === 'tasks' && diff === 'ahead')
  const lines = [
    '',
    ...tableOf(report),
    '',
    ...(report.replacedSecrets.length > 0
      ? [
          `The target had made secrets of its own (${report.replacedSecrets.join(', ')}) that no task needed: they gave way to`,
          "the source's. A gateway that is running on the target must be started again.",
        ]
      : []),
    ...(report.keptSecrets.length > 0
      ? [
          `The target has kept secrets of its own: ${report.keptSecrets.join(', ')}. Callbacks for the tasks of the source are taken`,
          "only if CALLBACK_SECRET of the target's gateways holds the source's secret too.",
        ]
      : []),
    ...(later === undefined
      ? []
      : [
          `The target holds a later state of ${tasksIn(later)}: gateways have been running on it. They were left as they are.`,
        ]),
    ...report.differences.flatMap(differenceLines),
  ]
  if (report.sourceChanged) {
    lines.push(
      'The source changed meanwhile: a gateway is still running on it. Stop the gateways of the source and run this again.',
    )
  }
  lines.push(
    ...(report.isComplete
      ? [
          'The target holds everything.',
          `Start the gateways with DATABASE_URL set to the target, and keep ${describeDatabase(from)} until you have seen them work.`,
        ]
      : [
          `The target does NOT hold everything: keep ${describeDatabase(from)}, and do not start on ${describeDatabase(to)} yet.`,
        ]),
  )
  return lines.join('\n')
}

function tableOf({ tables }: CopyReport): string[] {
  const rows = [
    ['', 'source', 'target', 'copied now', 'brought up to date', 'passed over'],
    ...Object.entries(tables).map(([name, { source, target, copied, updated, skipped }]) => [
      name,
      ...[source, target, copied, updated, skipped].map(formatCount),
    ]),
  ]
  const widths = [10, 12, 12, 12, 20, 13]
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(''),
  )
}

function differenceLines({ table, diff, count, examples }: Difference): string[] {
  const pairs = examples.map(({ taskId, otherTaskId }) =>
    otherTaskId === null ? `  ${taskId}` : `  ${taskId} in the source, ${otherTaskId} in the target`,
  )
  const listed = count > examples.length ? [...pairs, `  … and ${formatCount(count - examples.length)} more`] : pairs
  const what = `${formatCount(count)} of the ${table}`
  switch (diff) {
    case 'ahead':
      return []
    case 'new':
      return [`Missing in the target: ${what}, of these tasks:`, ...listed]
    case 'behind':
      return [`In an earlier state in the target: ${what}, of these tasks:`, ...listed]
    case 'diverged':
      return [
        `Not the same in both though of one revision: ${what}. Gateways have been running on both. Left as they are:`,
        ...listed,
      ]
    case 'taken':
      return table === 'keys'
        ? [`Conflicts: ${what} lead to another task in the target than in the source. Left as they are:`, ...listed]
        : [`Conflicts: ${what} stand in the target as other tasks, with the same id of the provider's:`, ...listed]
    case 'orphan':
      return [`Missing in the target: ${what}, because their tasks are missing there:`, ...listed]
  }
}

/** Why nothing can be copied while both sides have secrets of their own, and what to do. */
export function secretsDifferText(names: readonly string[]): string {
  const sandbox = names.includes('sandbox')
    ? ["Orders of the sandbox's that are under way will not end well then; they cost nothing."]
    : []
  return [
    `A gateway has been running on the target: it holds tasks, and other secrets than the source (${names.join(', ')}).`,
    'Nothing was copied. Providers call the tasks of the source at addresses that its secret signs, and gateways on the',
    'target would not take them.',
    '',
    'Either move to an empty database.',
    'Or keep the tasks of both. In the source, look up the secret that signs: select value from secrets where name =',
    "'callbacks'. Give it to the gateways of the target as CALLBACK_SECRET, behind what stands there already, after a",
    "comma (they go on taking addresses of the target's own secret). Then run this again with --keep-target-secrets.",
    ...sandbox,
  ].join('\n')
}

function tasksIn({ count }: Difference): string {
  return count === 1 ? 'one task' : `${formatCount(count)} tasks`
}

/** A count as people write it. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}
