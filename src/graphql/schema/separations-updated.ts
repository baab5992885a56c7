import { maxSelected } from '../../separation/read/selected-tasks.ts'
import { badInput } from '../bad-input.ts'
import { builder } from './builder.ts'
import { withCost } from './field-cost.ts'
import { filterOf, SeparationFilter } from './separation-filter.ts'
import { SeparationTask } from './separation-task.ts'

const maxIds = 100

builder.subscriptionField('separationsUpdated', (t) =>
  t.field({
    type: SeparationTask,
    description:
      `Sends your tasks, one in each event: first the newest ${maxSelected} that match, newest first, then each task after every change, ` +
      'and each new task. It does not complete by itself. No change is missed, and of one task no event is older than the one ' +
      'before; a client that reads slowly gets the latest state of each task and skips those in between. A task that no longer ' +
      'matches after a change is sent once more, in its new state: remove it if it does not match your `where`. An error is the ' +
      'last item, such as UNAVAILABLE if the database cannot be reached at the start: subscribe again after a moment.',
    // It begins with a page of tasks.
    extensions: withCost({ maxItems: maxSelected }),
    args: {
      where: t.arg({ type: SeparationFilter, description: 'Which tasks to send. Default: all.' }),
      ids: t.arg.idList({
        description: `Only the tasks with these ids (\`sep_…\`), at most ${maxIds}. Unknown ids are ignored.`,
      }),
      since: t.arg({
        type: 'DateTime',
        description:
          'For a client that was away, such as the greatest `updatedAt` that it has seen: sends also every task that changed at ' +
          'this time or later, however many, oldest change first. That includes tasks that match apart from `status`, ' +
          '`settled`, `charge` and `failureCode`: they may have matched before. Changes of the minute before may be sent again: ' +
          'ignore a `revision` that is not greater than yours.',
      }),
    },
    subscribe: (_root, { where, ids, since }, { watch }) => {
      if (ids && ids.length > maxIds) throw badInput(`\`ids\` must have at most ${maxIds} items.`)
      const selection = { where: filterOf(where ?? {}), ids: ids ? new Set(ids) : null }
      return watch({ kind: 'tasks', selection, sinceMs: since?.getTime() ?? null })
    },
    resolve: (task) => {
      if (task instanceof Error) throw task
      if (task === null) throw new TypeError('A dashboard shows tasks only.')
      return task
    },
  }),
)
