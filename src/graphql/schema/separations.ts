import { resolveCursorConnection, type ResolveCursorConnectionArgs } from '@pothos/plugin-relay'
import { isTaskId } from '../../separation/task-id.ts'
import type { Task } from '../../separation/task.ts'
import { badInput } from '../bad-input.ts'
import { builder } from './builder.ts'
import { ChargeEnum, FailureCodeEnum, ProviderEnum, SeparationStatusEnum, SeparationTypeEnum } from './enums.ts'
import { withCost } from './field-cost.ts'
import { SeparationTask } from './separation-task.ts'
import type { TaskCursor, TaskFilter } from '../../separation/store.ts'

/** The default and the maximum number of tasks on a page. */
const defaultPageSize = 20
const maxPageSize = 100

/**
 * Measured against the cost of a plain field: reading one task for a list costs about 50. A filtered list costs 20 more for
 * each task, because the store reads up to one page of every facet that matches (docs/decisions/0018).
 */
const cost = withCost({ base: 500, perItem: 50, perFilteredItem: 20, defaultPageSize, maxPageSize })

const SeparationFilter = builder.inputType('SeparationFilter', {
  description: 'Which tasks to list. A task must match every field that is set.',
  fields: (t) => ({
    status: t.field({
      type: [SeparationStatusEnum],
      description: 'Only tasks with one of these statuses.',
    }),
    type: t.field({ type: SeparationTypeEnum, description: 'Only separations of this type.' }),
    provider: t.field({ type: ProviderEnum, description: 'Only tasks of this provider.' }),
    audioId: t.id({ description: 'Only separations of this track.' }),
    musicTaskId: t.id({ description: 'Only separations of tracks that this music task generated.' }),
    reference: t.string({ description: 'Only tasks with this reference. Upper and lower case differ.' }),
    referencePrefix: t.string({
      description:
        'Only tasks whose reference begins with this text, such as `user-7/`. Upper and lower case differ, and no character ' +
        'is a wildcard. If it matches more than 10,000 of your tasks, it is an error (BAD_USER_INPUT). The same applies to ' +
        '`reference` together with `audioId` or `musicTaskId`.',
    }),
    settled: t.boolean({ description: '`true`: only settled tasks. `false`: only pending tasks.' }),
    charge: t.field({
      type: [ChargeEnum],
      description:
        'Only tasks with one of these charges. `[CHARGED, MAYBE]` finds every task that the provider may have charged for.',
    }),
    failureCode: t.field({ type: [FailureCodeEnum], description: 'Only tasks that failed for one of these reasons.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Only tasks ordered at this time or later.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Only tasks ordered before this time.' }),
  }),
})

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
        return isEmpty ? { ...page, pageInfo: { ...page.pageInfo, startCursor: null, endCursor: null } } : page
      },
    },
    { name: 'SeparationConnection', description: 'A page of separation tasks.' },
    { name: 'SeparationEdge', description: 'A separation task and its cursor.' },
  ),
)

/** Converts the filter to the core's type. Throws BAD_USER_INPUT for values that cannot match any task. */
function filterOf(where: typeof SeparationFilter.$inferInput): TaskFilter {
  const { audioId, musicTaskId, reference, referencePrefix } = where
  if (referencePrefix === '') throw badInput('`where.referencePrefix` must not be empty.')
  for (const [name, id] of Object.entries({ audioId, musicTaskId, reference, referencePrefix })) {
    if (id !== null && id !== undefined && /[\p{Cc}\p{Cs}]/u.test(id)) {
      throw badInput(`\`where.${name}\` must not contain control characters or unpaired surrogates.`)
    }
  }
  const [createdAfterMs, createdBeforeMs] = [where.createdAfter?.getTime(), where.createdBefore?.getTime()]
  if (createdAfterMs !== undefined && createdBeforeMs !== undefined && createdAfterMs >= createdBeforeMs) {
    throw badInput('`where.createdAfter` must be earlier than `where.createdBefore`.')
  }
  return {
    status: where.status ?? undefined,
    type: where.type ?? undefined,
    provider: where.provider ?? undefined,
    audioId: audioId ?? undefined,
    musicTaskId: musicTaskId ?? undefined,
    reference: reference ?? undefined,
    referencePrefix: referencePrefix ?? undefined,
    settled: where.settled ?? undefined,
    charge: where.charge ?? undefined,
    failureCode: where.failureCode ?? undefined,
    createdAfterMs,
    createdBeforeMs,
  }
}

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
