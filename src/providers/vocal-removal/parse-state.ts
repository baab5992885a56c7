const states = ['PENDING', 'SUCCESS', 'CREATE_TASK_FAILED', 'GENERATE_AUDIO_FAILED', 'CALLBACK_EXCEPTION'] as const

/** How a task stands, in record-info's words (`kie-record-info.txt`). */
export type State = (typeof states)[number]

/** The states by number, as MIDI tasks of the same providers spell theirs (`more.md`, "MIDI"). */
const numbered: readonly State[] = ['PENDING', 'SUCCESS', 'CREATE_TASK_FAILED', 'GENERATE_AUDIO_FAILED']

/** Other words for a state, as the same providers' other tasks have them (`more.md`, "jobs" and "MIDI"). */
const synonyms: Readonly<Record<string, State>> = {
  COMPLETE: 'SUCCESS',
  COMPLETED: 'SUCCESS',
  SUCCEEDED: 'SUCCESS',
  WAITING: 'PENDING',
  QUEUING: 'PENDING',
  QUEUED: 'PENDING',
  GENERATING: 'PENDING',
  PROCESSING: 'PENDING',
  RUNNING: 'PENDING',
}

/** The state that a field names, in whatever spelling; null if it names none that is known. */
export function parseState(value: unknown): State | null {
  if (value === true) return 'SUCCESS'
  if (typeof value !== 'string' && typeof value !== 'number') return null
  const text = String(value).trim()
  if (/^\d$/.test(text)) return numbered[Number(text)] ?? null
  const word = text
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1_$2')
    .replace(/[\s-]+/g, '_')
    .toUpperCase()
  return states.find((state) => state === word) ?? synonyms[word] ?? null
}
