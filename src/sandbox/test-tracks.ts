import type { FileService } from './file-address.ts'

/** How a submit is answered: immediately, after a minute, never, or with a refusal that charges nothing. */
export type AnswerTiming = 'at-once' | 'late' | 'never' | { readonly code: number; readonly msg: string }

/** What the sandbox does with a track. All times are multiples of the default duration of a separation. */
export interface TestTrack {
  /** The `audioId`, also with a suffix: `slow-2` is another track that behaves like `slow`. */
  readonly audioId: string
  readonly description: string
  readonly answer: AnswerTiming
  /** When record-info leaves PENDING. */
  readonly endsAfter: number
  readonly endsAs: 'SUCCESS' | 'CREATE_TASK_FAILED' | 'GENERATE_AUDIO_FAILED' | 'CALLBACK_EXCEPTION'
  /** When the URLs become available; null if never. */
  readonly urlsAfter: number | null
  /** When callbacks are sent. The same time twice sends two callbacks at once. */
  readonly callbacksAfter: readonly number[]
  /** How the files are served. */
  readonly files: FileService
}

const defaults = {
  answer: 'at-once',
  endsAfter: 1,
  endsAs: 'SUCCESS',
  urlsAfter: 1,
  callbacksAfter: [1],
  files: 'friendly',
} as const satisfies Omit<TestTrack, 'audioId' | 'description'>

const refused = { ...defaults, urlsAfter: null, callbacksAfter: [] } as const

/** The test tracks of the sandbox, like the test cards of payment services: one row for each behaviour. */
export const testTracks: readonly TestTrack[] = [
  { ...defaults, audioId: 'done', description: 'Succeeds after the default duration and sends a callback.' },
  {
    ...defaults,
    audioId: 'slow',
    description: 'Succeeds after 10 times the default duration.',
    endsAfter: 10,
    urlsAfter: 10,
    callbacksAfter: [10],
  },
  {
    ...defaults,
    audioId: 'silent',
    description: 'Succeeds without a callback: only record-info reports it.',
    callbacksAfter: [],
  },
  {
    ...defaults,
    audioId: 'doubled',
    description: 'Succeeds and sends the callback twice at once, and again later.',
    callbacksAfter: [1, 1, 1.5],
  },
  {
    ...defaults,
    audioId: 'failed-creation',
    description: 'Is accepted and charged, then ends as CREATE_TASK_FAILED, with a failure callback.',
    endsAs: 'CREATE_TASK_FAILED',
    urlsAfter: null,
  },
  {
    ...defaults,
    audioId: 'failed-generation',
    description: 'Is accepted and charged, then ends as GENERATE_AUDIO_FAILED, with a failure callback.',
    endsAs: 'GENERATE_AUDIO_FAILED',
    urlsAfter: null,
  },
  {
    ...defaults,
    audioId: 'exception-with-audio',
    description: 'Sends no callback; record-info reports CALLBACK_EXCEPTION, but has the audio.',
    endsAs: 'CALLBACK_EXCEPTION',
    callbacksAfter: [],
  },
  {
    ...defaults,
    audioId: 'empty-stems',
    description: 'Succeeds, but neither the callback nor record-info ever has a URL.',
    urlsAfter: null,
  },
  {
    ...defaults,
    audioId: 'late-stems',
    description: 'Succeeds and sends a callback without URLs; record-info has them after twice the default duration.',
    urlsAfter: 2,
  },
  {
    ...refused,
    audioId: 'no-credits',
    description: 'Is refused with code 402.',
    answer: { code: 402, msg: "Credits insufficient: your current balance isn't enough to run this request." },
  },
  {
    ...refused,
    audioId: 'rate-limited',
    description: 'Is refused with code 429.',
    answer: { code: 429, msg: 'Your call frequency is too high. Please try again later.' },
  },
  {
    ...refused,
    audioId: 'maintenance',
    description: 'Is refused with code 455.',
    answer: { code: 455, msg: 'The service is currently undergoing maintenance. Please try again later.' },
  },
  {
    ...defaults,
    audioId: 'hanging-answer',
    description: 'Is charged and sends a callback, but the submit is answered only after a minute.',
    answer: 'late',
  },
  {
    ...defaults,
    audioId: 'lost-answer',
    description: 'Is charged and sends a callback, but the connection of the submit is cut without an answer.',
    answer: 'never',
  },
  {
    ...defaults,
    audioId: 'no-cors',
    description: 'Succeeds; the file server knows no CORS, no ranges and no type.',
    files: 'no-cors',
  },
  {
    ...defaults,
    audioId: 'bare',
    description: 'Succeeds with MP3 files, without labels and durations; the file server does not even send a length.',
    files: 'bare',
  },
  {
    ...defaults,
    audioId: 'expired',
    description: 'Succeeds, but the files are gone.',
    files: 'expired',
  },
  {
    ...defaults,
    audioId: 'slow-files',
    description: 'Succeeds; the file server begins late and sends slowly.',
    files: 'slow',
  },
]

/** Finds the test track of an audio id, with or without a suffix; null if there is none. */
export function findTestTrack(audioId: string): TestTrack | null {
  const found = testTracks.filter((track) => audioId === track.audioId || audioId.startsWith(`${track.audioId}-`))
  // `slow-files` begins like `slow` with a suffix.
  return found.toSorted((a, b) => b.audioId.length - a.audioId.length)[0] ?? null
}
