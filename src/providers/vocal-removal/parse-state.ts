const states = ['PENDING', 'SUCCESS', 'CREATE_TASK_FAILED', 'GENERATE_AUDIO_FAILED', 'CALLBACK_EXCEPTION'] as const

/** The state of a task in record-info (`docs/providers.md, "record-info"`). */
export type State = (typeof states)[number]

/** The states as numbers, as MIDI tasks have them (`docs/providers.md, "MIDI"`). */
const numbered: readonly State[] = ['PENDING', 'SUCCESS', 'CREATE_TASK_FAILED', 'GENERATE_AUDIO_FAILED']

/** Names of states in other kinds of tasks (`docs/providers.md, "jobs"` and `docs/providers.md, "MIDI"`). */
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

/** Reads a state in any spelling; null if it is unknown. */
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
