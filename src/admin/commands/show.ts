import { UsageError } from '../../runtime/usage-error.ts'
import type { TaskRecord } from '../../separation/store/operator-store.ts'
import type { Command } from '../command.ts'
import { describeTask, timeOf } from '../describe-task.ts'
import { findTasks } from '../find-tasks.ts'
import { formatFields, formatTable } from '../table.ts'

/** Shows one task. */
export const show: Command = {
  name: 'show',
  summary: 'Show everything that is stored of a task',
  details:
    'The id is that of the task (sep_…), or that of the provider. Of addresses only the hosts are shown: what follows may\n' +
    'be what opens the file. The log has one line for each change of the task, with the same ids.',
  usage: '<task id>',
  args: { min: 1, max: 1 },
  options: {},
  changes: false,
  async run({ args }, { store }) {
    const opened = await store()
    const [task] = (await findTasks(opened, args)).tasks
    const record = task === undefined ? null : await opened.operator.findRecord(task.id)
    if (record === null) throw new UsageError('There is no such task.')
    const json = describeRecord(record)
    return { text: textOf(json), json }
  },
}

function describeRecord({ task, dueAtMs, leaseUntilMs, keys, callbacks, reserved, archiveDueAtMs }: TaskRecord) {
  return {
    ...describeTask(task),
    nextCheckAt: dueAtMs === 0 ? 'now' : timeOf(dueAtMs),
    leasedUntil: timeOf(leaseUntilMs),
    archiveDueAt: archiveDueAtMs === 0 ? 'now' : timeOf(archiveDueAtMs ?? null),
    idempotencyKeys: keys,
    budgets: reserved,
    savedCallbacks: callbacks.map(({ receivedAtMs, providerTaskId, outcome }) => ({
      receivedAt: timeOf(receivedAtMs),
      providerTaskId,
      outcome,
    })),
  }
}

function textOf(record: ReturnType<typeof describeRecord>): string {
  const { events, stems, archive, savedCallbacks, failure, idempotencyKeys, budgets, nextCheckAt, ...rest } = record
  const fields = [
    ...Object.entries(rest),
    ['nextCheckAt', nextCheckAt ?? 'never'] as const,
    ['failure', failure === null ? null : failure.code] as const,
    ['failureBy', failure === null ? null : failure.by] as const,
    ['failureMessage', failure === null ? null : failure.message] as const,
    ['idempotencyKeys', idempotencyKeys.join(', ') || null] as const,
    [
      'budgets',
      budgets
        .map(({ budget, amount, isGivenBack }) => `${budget}: ${amount}${isGivenBack ? ' (given back)' : ''}`)
        .join(', ') || null,
    ] as const,
    ['archiveDeletedAt', archive?.deletedAt ?? null] as const,
  ]
  const copied = new Set(archive?.copies.map(({ stem }) => stem))
  return [
    formatFields(fields),
    tableOf(['EVENT', 'TIME'], [['ordered', record.createdAt], ...events.map(({ kind, at }) => [kind, at])]),
    tableOf(
      ['STEM', 'LABEL', 'HOST', 'BY', 'SECONDS', 'ARCHIVED'],
      stems.map(({ name, label, host, by, durationSeconds }) => [
        name,
        label,
        host,
        by,
        durationSeconds,
        copied.has(name) ? 'yes' : null,
      ]),
    ),
    tableOf(
      ['SAVED CALLBACK', 'PROVIDER TASK ID', 'REPORTS'],
      savedCallbacks.map(({ receivedAt, providerTaskId, outcome }) => [receivedAt, providerTaskId, outcome]),
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function tableOf(titles: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const columns = titles.map((title) => ({ title }))
  return rows.length === 0 ? '' : formatTable(columns, rows)
}
