import type { CopyReport, Difference } from './copy-report.ts'
import { counted } from '../runtime/counted.ts'
import { describeDatabase } from '../stores/database/database-url.ts'
import type { MoveOptions } from './move-options.ts'

/** Formats the result of a move: a table, what is missing and why, and what to do next. */
export function formatReport(report: CopyReport, { from, to }: MoveOptions): string {
  const newer = report.differences.find(({ table, diff }) => table === 'tasks' && diff === 'ahead')
  const lines = [
    '',
    ...tableOf(report),
    '',
    ...(report.replacedSecrets.length > 0
      ? [
          `The target had unused secrets (${report.replacedSecrets.join(', ')}), which were replaced by the source's. Restart any`,
          'gateway that runs on the target.',
        ]
      : []),
    ...(report.keptSecrets.length > 0
      ? [
          `The target keeps its own secrets: ${report.keptSecrets.join(', ')}. It accepts callbacks for the tasks of the source`,
          "only if CALLBACK_SECRET of its gateways also contains the source's secret.",
        ]
      : []),
    ...(newer === undefined
      ? []
      : [
          `The target has a newer state of ${formatTaskCount(newer)}: gateways have been running on it. These were not changed.`,
        ]),
    ...report.differences.flatMap(differenceLines),
  ]
  if (report.sourceChanged) {
    lines.push(
      'The source changed during the move: a gateway is running on it. Stop the gateways of the source and run this again.',
    )
  }
  lines.push(
    ...(report.isComplete
      ? [
          'The target holds everything.',
          `Make sure that no gateway is left on ${describeDatabase(from)}: one that has no work to do is not noticed here.`,
          `Start the gateways with DATABASE_URL set to the target, and keep ${describeDatabase(from)} until they have proved to work.`,
        ]
      : [
          `The target does NOT hold everything. Keep ${describeDatabase(from)}, and do not start gateways on ${describeDatabase(to)} yet.`,
        ]),
  )
  return lines.join('\n')
}

function tableOf({ tables }: CopyReport): string[] {
  const rows = [
    ['', 'source', 'target', 'copied', 'updated', 'skipped'],
    ...Object.entries(tables).map(([name, { source, target, copied, updated, skipped }]) => [
      name,
      ...[source, target, copied, updated, skipped].map(formatCount),
    ]),
  ]
  const widths = [10, 12, 12, 12, 12, 12]
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(''),
  )
}

function differenceLines({ table, diff, count, examples }: Difference): string[] {
  const ids = examples.map(({ taskId, otherTaskId }) =>
    otherTaskId === null ? `  ${taskId}` : `  ${taskId} in the source, ${otherTaskId} in the target`,
  )
  const listed = count > examples.length ? [...ids, `  … and ${formatCount(count - examples.length)} more`] : ids
  const rows = `${formatCount(count)} of the ${table}`
  switch (diff) {
    case 'ahead':
      return []
    case 'new':
      return [`Missing in the target: ${rows}, of these tasks:`, ...listed]
    case 'behind':
      return [`Older in the target: ${rows}, of these tasks:`, ...listed]
    case 'diverged':
      return [
        `Different with the same revision: ${rows}. Gateways have been running on both databases. Not changed:`,
        ...listed,
      ]
    case 'conflict':
      return table === 'keys'
        ? [`Conflicts: ${rows} refer to another task in the target than in the source. Not changed:`, ...listed]
        : [`Conflicts: ${rows} have a provider task id that another task in the target has. Not changed:`, ...listed]
    case 'orphan':
      return [`Missing in the target: ${rows}, because their tasks are missing there:`, ...listed]
  }
}

/** Explains why two databases with different secrets are not merged, and what to do. */
export function secretsDifferText(names: readonly string[]): string {
  const sandbox = names.includes('sandbox')
    ? ['Pending sandbox orders of the source will then fail. They cost nothing.']
    : []
  return [
    `The target has tasks, and its secrets differ from the source's (${names.join(', ')}). Nothing was copied.`,
    "The source's secret signs the callback URLs of its tasks, and gateways on the target would reject these callbacks.",
    '',
    'Either move to an empty database,',
    "or keep the tasks of both: read the source's secret (select value from secrets where name = 'callbacks') and append",
    "it, after a comma, to CALLBACK_SECRET of the target's gateways. They still accept URLs that the target's own secret",
    'signed. Then run this again with --keep-target-secrets.',
    ...sandbox,
  ].join('\n')
}

function formatTaskCount({ count }: Difference): string {
  return counted(count, 'task')
}

/** Formats a count with thousands separators. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}
