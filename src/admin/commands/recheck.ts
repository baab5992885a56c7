import { recordInfoIdOf, type Task } from '../../separation/task/task.ts'
import type { Command } from '../command.ts'
import { findTasks, maxIds } from '../find-tasks.ts'
import { formatTable } from '../table.ts'

/** Makes checks due. */
export const recheck: Command = {
  name: 'recheck',
  summary: 'Check tasks at their providers now, settled ones too',
  details:
    'Makes the checks due. A gateway finds them within a second or so, and asks the provider within its rate. The ids are\n' +
    'those of tasks (sep_…) or of their providers. A task that has no id at its provider cannot be asked for: of such a\n' +
    'task, only the saved callbacks are looked at again.',
  usage: '<task id…>',
  args: { min: 1, max: maxIds },
  options: {},
  changes: true,
  async run({ args, isDryRun }, { store }) {
    const opened = await store()
    const { tasks, unknown } = await findTasks(opened, args)
    const made = new Set(isDryRun ? [] : await opened.operator.makeDue(tasks.map(({ id }) => id)))
    const resultOf = (task: Task) => {
      if (isDryRun) return 'would be checked'
      return made.has(task.id) ? 'due now' : 'is gone'
    }
    const rows = [
      ...tasks.map((task) => ({
        id: task.id,
        result: resultOf(task),
        note: recordInfoIdOf(task) === null ? 'has no id at the provider' : null,
      })),
      ...unknown.map((id) => ({ id, result: 'no such task', note: null })),
    ]
    return {
      text: formatTable(
        [{ title: 'ID' }, { title: 'RESULT' }, { title: 'NOTE' }],
        rows.map(({ id, result, note }) => [id, result, note]),
      ),
      json: { isDryRun, tasks: rows },
      isDone: unknown.length === 0 && (isDryRun || made.size === tasks.length),
    }
  },
}
