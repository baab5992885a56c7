import { createHash } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import type { StemFileStore, StemPeaksStore } from '../../separation/store/stem-file-store.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { createLockTasks } from '../task/lock-tasks.ts'
import { firstRowOf, rowsOf, rowsWrittenBy } from '../database/job.ts'
import type { Database } from '../database/tables.ts'

/** Stores what is known of the files of stems, and their waveforms. */
export function createStemFiles(
  db: Kysely<Database>,
  { read, transact, hasRowLocks }: DatabaseTraits,
): StemFileStore & StemPeaksStore {
  const lockTasks = createLockTasks(db, hasRowLocks)

  return {
    stemFiles: (files) =>
      read(function* () {
        if (files.length === 0) return []
        const taskIds = [...new Set(files.map(({ taskId }) => taskId))]
        const rows = yield* rowsOf(db.selectFrom('stem_files').selectAll().where('task_id', 'in', taskIds))
        const byStem = new Map(rows.map((row) => [nameOf(row.task_id, row.stem), row]))
        return files.flatMap((file) => {
          const row = byStem.get(nameOf(file.taskId, file.stem))
          if (row === undefined || row.address !== addressOf(file.url)) return []
          const { size_bytes: sizeBytes, format, duration_seconds: durationSeconds } = row
          return [{ ...file, sizeBytes, format, durationSeconds }]
        })
      }),

    learnStemFile: ({ taskId, stem, url, sizeBytes, format, durationSeconds }) =>
      transact(function* () {
        if (!(yield* lockTasks([taskId])).has(taskId)) return
        yield* rowsWrittenBy(
          db
            .insertInto('stem_files')
            .values({
              task_id: taskId,
              stem,
              address: addressOf(url),
              size_bytes: sizeBytes,
              format,
              duration_seconds: durationSeconds,
            })
            .onConflict((conflict) =>
              conflict.columns(['task_id', 'stem']).doUpdateSet({
                address: kept('address'),
                size_bytes: kept('size_bytes'),
                format: kept('format'),
                duration_seconds: kept('duration_seconds'),
              }),
            ),
        )
      }),

    stemPeaks: ({ taskId, stem, url }) =>
      read(function* () {
        const row = yield* firstRowOf(
          db
            .selectFrom('stem_peaks')
            .select('peaks')
            .where('task_id', '=', taskId)
            .where('stem', '=', stem)
            .where('address', '=', addressOf(url)),
        )
        if (row === undefined) return undefined
        return row.peaks === null ? null : Buffer.from(row.peaks, 'base64')
      }),

    saveStemPeaks: ({ taskId, stem, url }, peaks) =>
      transact(function* () {
        if (!(yield* lockTasks([taskId])).has(taskId)) return
        const values = { address: addressOf(url), peaks: peaks === null ? null : Buffer.from(peaks).toString('base64') }
        yield* rowsWrittenBy(
          db
            .insertInto('stem_peaks')
            .values({ task_id: taskId, stem, ...values })
            .onConflict((conflict) => conflict.columns(['task_id', 'stem']).doUpdateSet(values)),
        )
      }),
  }
}

/** The stored value, if there is one and it is of the same address; else the new one. */
function kept<C extends 'address' | 'size_bytes' | 'format' | 'duration_seconds'>(column: C) {
  const [stored, added] = [sql.ref(`stem_files.${column}`), sql.ref(`excluded.${column}`)]
  return sql<Database['stem_files'][C]>`
    case when stem_files.address = excluded.address then coalesce(${stored}, ${added}) else ${added} end`
}

function nameOf(taskId: string, stem: string): string {
  return `${taskId}/${stem}`
}

/** An address may have 4,096 characters. */
function addressOf(url: string): string {
  return createHash('sha256').update(url).digest('base64url')
}
