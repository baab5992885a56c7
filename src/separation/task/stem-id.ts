import { stemName, type Stem } from './stem.ts'

/** The id of a stem: the id of its task and its name there, `sep_….vocal`. It never changes. */
export function stemIdOf(taskId: string, stem: Pick<Stem, 'part' | 'label'>): string {
  return `${taskId}.${stemName(stem)}`
}

/** The task id in the id of a stem; null if the text has not the form of one. */
export function taskIdOfStem(stemId: string): string | null {
  const dot = stemId.indexOf('.')
  return dot === -1 ? null : stemId.slice(0, dot)
}
