import { UsageError } from '../../runtime/usage-error.ts'
import type { Store } from '../../separation/store.ts'
import { providerNames, type Task } from '../../separation/task.ts'
import { isTaskId } from '../../separation/task-id.ts'
import type { Command } from '../command.ts'
import { describeTask } from '../describe-task.ts'
import { formatFields, formatTable } from '../table.ts'

/** Shows one task. */
export const show: Command = {
  name: 'show',
  summary: 'Show everything that is stored of a task',
  usage: '<task id>',
  args: { min: 1, max: 1 },
  options: {},
  changes: false,
  async run({ args: [id = ''] }, { store }) {
    const tasks = await find(await store(), id)
    if (tasks.length === 0) throw new UsageError('There is no such task.')
    return { text: tasks.map(textOf).join('\n\n'), json: tasks.map(describeTask) }
  },
}

async function find(store: Store, id: string): Promise<readonly Task[]> {
  const own = id.toLowerCase()
  if (isTaskId(own)) return store.find([own])
  return store.findBound(providerNames.map((provider) => ({ provider, providerTaskId: id })))
}

function textOf(task: Task): string {
  const { id, owner, provider, providerTaskId, status, phase, charge, events } = describeTask(task)
  const fields = Object.entries({ id, owner, provider, providerTaskId, status, phase, charge })
  const table = formatTable(
    [{ title: 'TIME' }, { title: 'EVENT' }],
    events.map(({ kind, at }) => [at, kind]),
  )
  return `${formatFields(fields)}\n\n${table}`
}
