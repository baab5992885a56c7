import type { TaskFilter } from '../../separation/store/task-reader.ts'
import { badInput } from '../bad-input.ts'
import { builder } from './builder.ts'
import { ChargeEnum, FailureCodeEnum, ProviderEnum, SeparationStatusEnum, SeparationTypeEnum } from './enums.ts'

/** The GraphQL input that selects tasks. */
export const SeparationFilter = builder.inputType('SeparationFilter', {
  description: 'Which tasks to list or to watch. A task must match every field that is set.',
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

/** Converts the filter to the core's type. Throws BAD_USER_INPUT for values that cannot match any task. */
export function filterOf(where: typeof SeparationFilter.$inferInput): TaskFilter {
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
