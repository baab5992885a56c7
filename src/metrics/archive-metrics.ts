import { createKeptValue } from './kept-value.ts'
import type { Meter } from './meter.ts'

export interface ArchiveMetricsOptions {
  /** How many tasks wait for the archive. It may reject. */
  readonly archiveJobs: () => Promise<number>
}

/** Counts a file that was archived, deleted from the archive, or not archived. */
export type CountArchived = (outcome: string, bytes?: number) => void

/** Counts what the archive does, and shows what waits for it. */
export function createArchiveMetrics(meter: Meter, { archiveJobs }: ArchiveMetricsOptions): CountArchived {
  const files = meter.counter({
    name: 'stemgate_archive_files_total',
    help: 'Files of stems by what the archive did: copied, deleted, gone (not at the provider), too-large, failed (tried again).',
    labels: ['outcome'],
  })
  const copiedBytes = meter.counter({
    name: 'stemgate_archive_bytes_total',
    help: 'Bytes that were copied into the archive.',
  })
  const readJobs = createKeptValue(archiveJobs)
  meter.gauge({
    name: 'stemgate_archive_waiting_tasks',
    help: 'Tasks whose files are due to be archived or deleted. The same at every gateway of the database.',
    async collect(gauge) {
      const waiting = await readJobs()
      if (waiting === null) gauge.remove()
      else gauge.set(waiting)
    },
  })

  return (outcome, bytes = 0) => {
    files.inc({ outcome })
    copiedBytes.inc(bytes)
  }
}
