import type { Task } from './tasks.ts'
import { relativeTime } from './words.ts'

type Phase = Exclude<Task['phase'], 'SETTLED'>

const words = {
  QUEUED: [
    'Your order waits for its turn.',
    'The provider takes no more orders for the moment. Nothing is charged yet.',
  ],
  SENDING: ['The order is being sent.', 'The provider has not answered yet.'],
  PROCESSING: ['The provider is separating the track.', 'It usually takes a minute or two.'],
  COLLECTING: ['The provider has finished.', 'The last stems are on their way.'],
  UNCONFIRMED: [
    'The provider’s answer was lost.',
    'The separation may be under way all the same, and the gateway goes on looking for it. You need not order again.',
  ],
} as const satisfies Readonly<Record<Phase, readonly [heading: string, explanation: string]>>

/** The largest part of the bar that an expected time fills: only the result fills it whole. */
const maxExpected = 0.96

/** How far a pending task is, and when its result is expected. */
export function Pending({ task, now }: { task: Task; now: number }) {
  const [heading, explanation] = words[task.phase === 'SETTLED' ? 'PROCESSING' : task.phase]
  const expected = task.expectedAt === null ? null : Date.parse(task.expectedAt)
  const startedAt = Date.parse(task.createdAt)
  return (
    <div class="state">
      {expected === null ? (
        <div class="progress" role="progressbar" aria-label="Separation in progress" />
      ) : (
        <progress
          aria-label="Separation in progress"
          max={1}
          value={Math.min(maxExpected, Math.max(0, (now - startedAt) / Math.max(1, expected - startedAt)))}
        />
      )}
      <p>
        <strong>{heading}</strong>
      </p>
      <p class="soft">
        {expectation(task.expectedAt, now) ?? explanation} The stems appear here; you can close the page meanwhile.
      </p>
    </div>
  )
}

/** When the result is expected, in words; null if it is not known. */
function expectation(expectedAt: string | null, now: number): string | null {
  if (expectedAt === null) return null
  return Date.parse(expectedAt) > now
    ? `The result is expected ${relativeTime(expectedAt, now).replace('just now', 'in a moment')}.`
    : 'It takes longer than most.'
}
