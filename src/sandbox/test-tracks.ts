/** How a submit is answered: at once, after a minute, never, or with a refusal that charges nothing. */
export type SubmitAnswer = 'at-once' | 'late' | 'never' | { readonly code: number; readonly msg: string }

/** What the sandbox does with a track. All times are multiples of the usual duration of a separation. */
export interface TestTrack {
  /** What `audioId` must be, or begin with: `slow-2` is another track that behaves like `slow`. */
  readonly audioId: string
  readonly description: string
  readonly answer: SubmitAnswer
  /** When record-info leaves PENDING. */
  readonly endsAfter: number
  readonly endsAs: 'SUCCESS' | 'CREATE_TASK_FAILED' | 'GENERATE_AUDIO_FAILED' | 'CALLBACK_EXCEPTION'
  /** From when on the URLs are told; null if never. */
  readonly urlsAfter: number | null
  /** When callbacks are sent; the same time twice is two callbacks at once. */
  readonly callbacksAfter: readonly number[]
}

const usual = {
  answer: 'at-once',
  endsAfter: 1,
  endsAs: 'SUCCESS',
  urlsAfter: 1,
  callbacksAfter: [1],
} as const satisfies Omit<TestTrack, 'audioId' | 'description'>

const refused = { ...usual, urlsAfter: null, callbacksAfter: [] } as const

/** The tracks that can be separated in the sandbox, as payment services have test cards: one row, one behaviour. */
export const testTracks: readonly TestTrack[] = [
  { ...usual, audioId: 'done', description: 'Succeeds after the usual time and calls back.' },
  {
    ...usual,
    audioId: 'slow',
    description: 'Succeeds after ten times the usual time.',
    endsAfter: 10,
    urlsAfter: 10,
    callbacksAfter: [10],
  },
  {
    ...usual,
    audioId: 'silent',
    description: 'Succeeds, but no callback ever comes: only record-info tells.',
    callbacksAfter: [],
  },
  {
    ...usual,
    audioId: 'doubled',
    description: 'Succeeds; the callback comes twice at once and again a little later.',
    callbacksAfter: [1, 1, 1.5],
  },
  {
    ...usual,
    audioId: 'failed-creation',
    description: 'Is accepted and charged, then ends as CREATE_TASK_FAILED, with a failure callback.',
    endsAs: 'CREATE_TASK_FAILED',
    urlsAfter: null,
  },
  {
    ...usual,
    audioId: 'failed-generation',
    description: 'Is accepted and charged, then ends as GENERATE_AUDIO_FAILED, with a failure callback.',
    endsAs: 'GENERATE_AUDIO_FAILED',
    urlsAfter: null,
  },
  {
    ...usual,
    audioId: 'exception-with-audio',
    description: 'No callback comes; record-info says CALLBACK_EXCEPTION, and yet names the audio.',
    endsAs: 'CALLBACK_EXCEPTION',
    callbacksAfter: [],
  },
  {
    ...usual,
    audioId: 'empty-stems',
    description: 'Succeeds without a single URL, in the callback and in record-info, for ever.',
    urlsAfter: null,
  },
  {
    ...usual,
    audioId: 'late-stems',
    description: 'Succeeds and calls back without URLs; record-info names them after the usual time again.',
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
    ...usual,
    audioId: 'hanging-answer',
    description: 'Is charged, runs and calls back, but the submit is answered only after a minute.',
    answer: 'late',
  },
  {
    ...usual,
    audioId: 'lost-answer',
    description: 'Is charged, runs and calls back, but the connection of the submit is cut without an answer.',
    answer: 'never',
  },
]

/** Finds the row for an audio id, with or without a suffix; null for a track that does not exist. */
export function findTestTrack(audioId: string): TestTrack | null {
  return testTracks.find((track) => audioId === track.audioId || audioId.startsWith(`${track.audioId}-`)) ?? null
}
