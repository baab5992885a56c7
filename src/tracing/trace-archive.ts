import { beginTrace } from '../runtime/trace.ts'
import type { Work } from '../separation/check/poller.ts'
import type { ArchiveJob } from '../separation/store/archive-queue.ts'
import type { Tracer } from './tracer.ts'

/** The same, and records a span for the work on the archive's copies of a task. */
export function traceArchive(tracer: Tracer, work: Work<ArchiveJob>): Work<ArchiveJob> {
  return async (job, onSlot) => {
    const { task, attempts } = job
    const span = tracer.start('archive', {
      kind: 'internal',
      parent: task.trace ?? beginTrace(),
      attributes: {
        'stemgate.provider': task.provider,
        'stemgate.task.id': task.id,
        'stemgate.archive.attempt': attempts,
      },
    })
    try {
      const nextAtMs = await work(job, onSlot)
      span.end({})
      return nextAtMs
    } catch (error) {
      span.end({ errorType: 'internal' })
      throw error
    }
  }
}
