import { ConfigError } from '../../config/config.ts'
import { UsageError } from '../../runtime/usage-error.ts'
import { createRecord, type RecordOptions } from '../../separation/advance/record.ts'
import { planResolution } from '../../separation/resolution.ts'
import type { Clock } from '../../separation/store/clock.ts'
import type { RecordStore } from '../../separation/store/record-store.ts'
import type { SecretStore } from '../../separation/store/secret-store.ts'
import type { Resolution, Task } from '../../separation/task/task.ts'
import type { AdminContext, Command, CommandInput } from '../command.ts'
import { findTasks, maxIds } from '../find-tasks.ts'
import { openChanges } from '../open-changes.ts'
import { formatTable } from '../table.ts'

/** Stores whether orders of unknown charge were charged, as the operator reports it. */
export const resolve: Command = {
  name: 'resolve',
  summary: 'Say whether unconfirmed orders were charged, as the account at the provider shows',
  details:
    "For tasks whose charge is MAYBE: see tasks --unconfirmed. Look the order up in the provider's own list first.\n" +
    '--not-charged fails a task that is pending, gives back what its order took from budgets, and lets the same order be\n' +
    'placed again. --charged keeps it counted. If the provider shows later that it accepted the order, that counts, and a\n' +
    'result is not lost. You can correct yourself by the same command. After the restore of a backup, --charged also takes\n' +
    'queued orders (see tasks --queued) that were sent since the copy: they are not sent again.',
  usage: '<task id…>',
  args: { min: 1, max: maxIds },
  options: {
    charged: { help: 'the provider charged them' },
    'not-charged': { help: 'the provider did not charge them' },
  },
  changes: true,
  async run(input, context) {
    const charge = chargeOf(input)
    const store = await context.store()
    const { tasks, unknown } = await findTasks(store, input.args)
    const rows: Row[] = []
    const changes = await changesOf(context, store)
    try {
      // One after the other: each is one change of its task, logged as such.
      for (const task of tasks) {
        rows.push(await resolveOne(task, charge, { store, changes, log: context.log, isDryRun: input.isDryRun }))
      }
    } finally {
      await changes.close()
    }
    for (const id of unknown) rows.push({ id, from: null, to: null, result: 'no such task', isDone: false })
    return {
      text: formatTable(
        [{ title: 'ID' }, { title: 'FROM' }, { title: 'TO' }, { title: 'RESULT' }],
        rows.map(({ id, from, to, result }) => [id, from, to, result]),
      ),
      json: { isDryRun: input.isDryRun, tasks: rows },
      isDone: rows.every(({ isDone }) => isDone),
    }
  },
}

interface Row {
  readonly id: string
  /** The charge before and after; null if there is no such task. */
  readonly from: string | null
  readonly to: string | null
  readonly result: string
  readonly isDone: boolean
}

function chargeOf(input: CommandInput): Resolution['charge'] {
  if (input.has('charged') === input.has('not-charged')) throw new UsageError('Give either --charged or --not-charged.')
  return input.has('charged') ? 'CHARGED' : 'NONE'
}

/** Gateways with Redis look for changes there. Others, and those whose environment this command does not have, poll the store. */
async function changesOf({ settings, log, note }: AdminContext, store: SecretStore): ReturnType<typeof openChanges> {
  try {
    return await openChanges((await settings()).config, store, log)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    note('The environment is not that of a gateway: with Redis, subscribers may be told half a minute later.')
    return { publish() {}, close: async () => {} }
  }
}

async function resolveOne(
  task: Task,
  charge: Resolution['charge'],
  {
    store,
    changes,
    log,
    isDryRun,
  }: Pick<RecordOptions, 'changes' | 'log'> & { store: RecordStore & Clock; isDryRun: boolean },
): Promise<Row> {
  const { id, charge: from } = task
  const plan = (stored: Task) => planResolution(stored, charge, store.nowMs())
  const planned = plan(task)
  if (planned.kind === 'known') return { id, from, to: from, result: 'known already', isDone: true }
  if (planned.kind === 'refused') return { id, from, to: from, result: `not changed: ${planned.reason}`, isDone: false }
  if (isDryRun) return { id, from, to: charge, result: 'would be changed', isDone: true }

  const record = createRecord({ store, clock: store, changes, log })
  // Judged again by the task as it is stored when the change is written: a callback may have come meanwhile.
  const resolved = await record(id, (stored) => {
    const current = plan(stored)
    return current.kind === 'changes' ? current.reports : []
  })
  const to = resolved?.charge ?? from
  // Not by the charge: a queued order may have been sent and accepted meanwhile.
  return resolved?.resolution?.charge === charge
    ? { id, from, to, result: 'changed', isDone: true }
    : { id, from, to, result: 'not changed: it has changed meanwhile', isDone: false }
}
