import type { GraphQLField } from 'graphql'

/**
 * The extension of a root field whose result depends only on its arguments, on the tasks that it loads through
 * `context.tasks`, on facts of files that it reads with `context.fileFact`, on waveforms, on whether files are available now, and on
 * values that never change while the gateway runs. A fact that is known never changes, and an answer that lacks one is not kept. An
 * answer of such fields is valid as long as the revisions of those tasks are the stored ones, until `Reads.validUntilMs`: see
 * docs/decisions/0030.
 */
export const readsOnlyTasks = { readsOnlyTasks: true } as const

/** Whether the field was defined with `readsOnlyTasks`. */
export function doesReadOnlyTasks({ extensions }: GraphQLField<unknown, unknown>): boolean {
  return extensions['readsOnlyTasks'] === true
}
