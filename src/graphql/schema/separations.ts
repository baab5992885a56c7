import { resolveCursorConnection, type ResolveCursorConnectionArgs } from '@pothos/plugin-relay'
import { isTaskId } from '../../separation/task/task-id.ts'
import type { Task } from '../../separation/task/task.ts'
import { badInput } from '../bad-input.ts'
import { builder } from './builder.ts'
import { withCost } from './field-cost.ts'
import { filterOf, SeparationFilter } from './separation-filter.ts'
import { SeparationTask } from './separation-task.ts'
import type { TaskCursor } from '../../separation/store/task-reader.ts'

/** The default and the maximum number of tasks on a page. */
const defaultPageSize = 20
const maxPageSize = 100
/** The most tasks that are counted. */
const maxCount = 10_000

/**
 * Measured against the cost of a plain field: reading one task for a list costs about 50. A filtered list costs 20 more for
 * each task, because the store reads up to one page of every facet that matches (docs/decisions/0018).
 */
const cost = withCost({ base: 500, perItem: 50, perFilteredItem: 20, defaultPageSize, maxPageSize })

/** In fields: to count the most tasks takes about as long as to read 80 of them. */
const countCost = 4_000

builder.queryField('separations', (t) =>
  t.connection(
    {
      type: SeparationTask,
      description: `Lists your tasks, newest first. \`first\` or \`last\` sets the page size: default ${defaultPageSize}, maximum ${maxPageSize}. A larger value is an error (BAD_USER_INPUT).`,
      extensions: cost,
      args: { where: t.arg({ type: SeparationFilter, description: 'Which tasks to list. Default: all.' }) },
      resolve: async (_root, { where, ...args }, { separations, caller }) => {
        checkPageSize(args)
        const filter = filterOf(where ?? {})
        const page = await resolveCursorConnection(
          { args, defaultSize: defaultPageSize, maxSize: maxPageSize, toCursor: cursorOf },
          ({ before, after, limit, inverted }: ResolveCursorConnectionArgs) =>
            separations.list(caller.owner, {
              where: filter,
              before: before === undefined ? undefined : parseCursor(before),
              after: after === undefined ? undefined : parseCursor(after),
              limit,
              inverted,
            }),
        )
        // On an empty page the Relay plugin returns empty cursors.
        const isEmpty = page.edges.length === 0
        const pageInfo = isEmpty ? { ...page.pageInfo, startCursor: null, endCursor: null } : page.pageInfo
        let counted: Promise<number> | null = null
        const count = () => (counted ??= separations.count(caller.owner, filter, maxCount + 1))
        return { ...page, pageInfo, count }
      },
    },
    {
      name: 'SeparationConnection',
      description: 'A page of separation tasks.',
      fields: (page) => ({
        totalCount: page.int({
          nullable: true,
          description:
            `How many tasks match \`where\`, on all pages: exact up to ${maxCount.toLocaleString('en')}, null if there are ` +
            'more. Tasks that are ordered while the page is read may or may not count.',
          extensions: withCost({ maxItems: 1, base: countCost }),
          resolve: async ({ count }) => {
            const matches = await count()
            return matches > maxCount ? null : matches
          },
        }),
      }),
    },
    { name: 'SeparationEdge', description: 'A separation task and its cursor.' },
  ),
)

function cursorOf(task: Task): string {
  return Buffer.from(`${task.createdAtMs}/${task.id}`).toString('base64url')
}

function checkPageSize({ first, last }: { first?: number | null | undefined; last?: number | null | undefined }): void {
  if (typeof first === 'number' && typeof last === 'number') throw badInput('Set `first` or `last`, not both.')
  if ((first ?? 0) < 0 || (last ?? 0) < 0) throw badInput('`first` and `last` must be at least 0.')
  if ((first ?? 0) > maxPageSize || (last ?? 0) > maxPageSize) {
    throw badInput(`\`first\` and \`last\` must be at most ${maxPageSize}.`)
  }
}

function parseCursor(text: string): TaskCursor {
  const [createdAtMs = '', id = ''] = Buffer.from(text, 'base64url').toString().split('/')
  if (/^\d{1,15}$/.test(createdAtMs) && isTaskId(id)) return { createdAtMs: Number(createdAtMs), id }
  throw badInput('This is not a cursor of this list. Pass `endCursor` or `startCursor` of a page unchanged.')
}
