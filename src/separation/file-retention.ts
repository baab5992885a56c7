import { stemName, type Stem, type StemCopy } from './task/stem.ts'
import type { SucceededTask, Task } from './task/task.ts'

/** How long files are kept after their task was completed, in milliseconds. */
export interface FileRetention {
  readonly providerMs: number
  /** Infinity: the archive keeps its copies for ever. null: there is no archive. */
  readonly archiveMs: number | null
}

/**
 * When the provider deletes the files, in milliseconds since 1970. null if there are no files, and for an adopted task if the
 * provider gives neither a completion time nor a creation time.
 */
export function providerExpiresAtMs(task: Task, { providerMs }: Pick<FileRetention, 'providerMs'>): number | null {
  if (task.state !== 'succeeded') return null
  const isAdopted = task.musicTaskId === null
  if (!isAdopted || task.completedAtMs.isReported) return task.completedAtMs.value + providerMs
  return task.isCreatedAtKnown ? task.createdAtMs + providerMs : null
}

/** When the archive deletes its copies, in milliseconds since 1970. Infinity: never. null: there is no archive. */
export function archiveExpiresAtMs(task: SucceededTask, { archiveMs }: FileRetention): number | null {
  return archiveMs === null ? null : task.completedAtMs.value + archiveMs
}

/** The latest time that is due, for copies that are kept for ever: another retention may end them. In milliseconds since 1970. */
const latestMs = 8_640_000_000_000_000

/** When the archive's work of deleting the copies is due, in milliseconds since 1970. null: there is no archive. */
export function deletionDueAtMs(task: SucceededTask, retention: FileRetention): number | null {
  const endsAtMs = archiveExpiresAtMs(task, retention)
  return endsAtMs === null ? null : Math.min(endsAtMs, latestMs)
}

/** The archive's copy of a stem; null if there is none that this gateway can read. */
export function copyOf(task: Task, stem: Pick<Stem, 'part' | 'label'>, retention: FileRetention): StemCopy | null {
  if (retention.archiveMs === null) return null
  return task.archive?.copies.find((copy) => copy.stem === stemName(stem)) ?? null
}

/** When the file of a stem is no longer available, in milliseconds since 1970. Infinity: never. null: it is not known. */
export function stemExpiresAtMs(task: SucceededTask, stem: Stem, retention: FileRetention): number | null {
  const providerMs = providerExpiresAtMs(task, retention)
  const archiveMs = copyOf(task, stem, retention) === null ? null : archiveExpiresAtMs(task, retention)
  return archiveMs === null ? providerMs : Math.max(archiveMs, providerMs ?? archiveMs)
}

/**
 * When the first file of a task is no longer available, in milliseconds since 1970. Infinity: none ever is. null: there are no
 * files, or it is not known.
 */
export function expiresAtMs(task: Task, retention: FileRetention): number | null {
  if (task.state !== 'succeeded' || task.stems.length === 0) return providerExpiresAtMs(task, retention)
  const ends = task.stems.map((stem) => stemExpiresAtMs(task, stem, retention))
  const first = Math.min(...ends.map((end) => end ?? Infinity))
  return first === Infinity && ends.includes(null) ? null : first
}

/**
 * Until when every file of a task is available, in milliseconds since 1970: -Infinity if there are no files. Infinity if they
 * always are, and if it is not known when the provider deletes them.
 */
export function filesAvailableUntilMs(task: Task, retention: FileRetention): number {
  if (task.state !== 'succeeded' || task.stems.length === 0) return -Infinity
  return expiresAtMs(task, retention) ?? Infinity
}
