import type { StemCopy } from '../task/stem.ts'
import type { Task, TaskArchive } from '../task/task.ts'
import { compareText } from './merge-text.ts'
import type { ArchiveReport } from '../task/report.ts'

/** Merges what the archive did. Copies are only added, until all of them are deleted for good. */
export function mergeArchive(task: Task, report: ArchiveReport, atMs: number): Task {
  const { archive } = task
  switch (report.kind) {
    case 'archived':
      return archive !== null && archive.deletedAtMs !== null
        ? task
        : { ...task, archive: withCopy(archive, { ...report.copy, atMs }) }
    case 'archive-deleted':
      return { ...task, archive: { copies: [], deletedAtMs: Math.min(archive?.deletedAtMs ?? atMs, atMs) } }
  }
}

/** Of two copies of a stem, the later one is kept. */
function withCopy(archive: TaskArchive | null, { stem, sha256, sizeBytes, atMs }: StemCopy): TaskArchive {
  const copies = archive?.copies ?? []
  const copy: StemCopy = { stem, sha256, sizeBytes, atMs }
  const same = copies.find((each) => each.stem === stem)
  const kept = same === undefined ? copy : laterCopy(same, copy)
  return {
    copies: [...copies.filter((each) => each !== same), kept].toSorted((a, b) => compareText(a.stem, b.stem)),
    deletedAtMs: null,
  }
}

function laterCopy(a: StemCopy, b: StemCopy): StemCopy {
  return (b.atMs - a.atMs || compareText(a.sha256, b.sha256) || a.sizeBytes - b.sizeBytes) <= 0 ? a : b
}
