import type { CompiledQuery, ExpressionBuilder, Kysely } from 'kysely'
import type { Task } from '../../separation/task/task.ts'
import { dueNow, type Database } from '../database/tables.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import { changedColumns, columnsOf, type TaskColumns } from './stored-task.ts'

/** The query that writes a task over the one before. It writes no row if that is no longer the stored one. */
export type UpdateTask = (task: Task, before: Task) => CompiledQuery

type Update = (values: TaskColumns & { readonly previousRevision: number }) => CompiledQuery

/** Builds the query once for each combination of columns that change. There are few. */
export function createUpdateTask(db: Kysely<Database>): UpdateTask {
  const updates = new Map<string, Update>()

  function updateOf(columns: readonly (keyof TaskColumns)[], isBound: boolean): Update {
    return prepareQuery((value: Placeholder<Parameters<Update>[0]>) =>
      db
        .updateTable('tasks')
        .set((eb) => ({
          ...Object.fromEntries(columns.map((name) => [name, value(name)])),
          due_at: isBound ? dueOfBound(eb) : eb.ref('due_at'),
        }))
        .where('id', '=', value('id'))
        .where('revision', '=', value('previousRevision')),
    )
  }

  return function updateTask(task, before) {
    const columns = columnsOf(task, before)
    const changed = changedColumns(columns, columnsOf(before))
    const isBound = task.providerTaskId !== null
    const kind = [isBound, ...changed].join()
    const update = updates.get(kind) ?? updateOf(changed, isBound)
    updates.set(kind, update)
    return update({ ...columns, previousRevision: task.revision - 1 })
  }
}

/** A task that was given up before its order was answered is checked again once its provider task id is known. */
function dueOfBound(eb: ExpressionBuilder<Database, 'tasks'>) {
  const wasGivenUp = eb.and([eb('provider_task_id', 'is', null), eb('due_at', 'is', null)])
  return eb.case().when(wasGivenUp).then(dueNow).else(eb.ref('due_at')).end()
}
