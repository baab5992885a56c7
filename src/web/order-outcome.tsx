import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { SeparateMutation } from '../../schema/operations.ts'

export type SeparateResult = SeparateMutation['separate']
type Refusal = Exclude<SeparateResult, { readonly __typename: 'SeparateSuccess' }>

/** The outcome of the last order. */
export type OrderOutcome =
  | { readonly kind: 'answered'; readonly result: SeparateResult }
  /** No answer came, or the gateway did not take the operation. */
  | { readonly kind: 'failed'; readonly message: string; readonly mayBeAccepted: boolean }

export interface OrderOutcomeViewProps {
  readonly outcome: OrderOutcome
  readonly onOrderAgain: () => void
}

/** Shows the outcome of the order: joined to an earlier one, refused, or not answered. */
export function OrderOutcomeView({ outcome, onOrderAgain }: OrderOutcomeViewProps) {
  if (outcome.kind === 'failed') {
    return (
      <Notice heading={outcome.mayBeAccepted ? 'No answer arrived' : 'The order was not sent'}>
        <p>{outcome.message}</p>
        {outcome.mayBeAccepted && <p>Press Order again: if the first order has arrived, it is not charged twice.</p>}
      </Notice>
    )
  }
  const { result } = outcome
  if (result.__typename !== 'SeparateSuccess') return <RefusalView refusal={result} />
  if (!result.reused) return null
  return (
    <div class="notice" role="status">
      <p>
        <strong>You already have this separation.</strong> Nothing was charged.
      </p>
      <a href={`#${result.task.id}`}>Show it</a>
      <button type="button" onClick={onOrderAgain}>
        Order it again (charged again)
      </button>
    </div>
  )
}

const headings = {
  InvalidInputError: 'The order cannot be read',
  IdempotencyConflictError: 'This order was changed meanwhile',
  TaskDeletedError: 'This order was deleted meanwhile',
  InsufficientCreditsError: 'Not enough credits',
  RateLimitedError: 'Too many orders',
  BudgetExceededError: 'Your budget is used up',
  TrackNotFoundError: 'The track was not found',
  ProviderRefusedError: 'The provider refused the order',
  ProviderUnavailableError: 'The provider is not available',
} as const satisfies Readonly<Record<Refusal['__typename'], string>>

function RefusalView({ refusal }: { refusal: Refusal }) {
  return (
    <Notice heading={headings[refusal.__typename]}>
      <p>
        {refusal.message} {/charged|Nothing was ordered/.test(refusal.message) ? '' : 'Nothing was charged.'}
      </p>
      {refusal.__typename === 'InvalidInputError' && (
        <ul>
          {refusal.issues.map(({ path, message }) => (
            <li key={path.join('.')}>
              {fieldWords[path.at(-1) ?? ''] ?? path.at(-1)}: {message}
            </li>
          ))}
        </ul>
      )}
      {refusal.__typename === 'RateLimitedError' && <Countdown seconds={refusal.retryAfterSeconds} />}
      {refusal.__typename === 'ProviderRefusedError' && refusal.providerCode !== null && (
        <p class="note">The provider’s code: {refusal.providerCode}</p>
      )}
      {refusal.__typename === 'IdempotencyConflictError' && (
        <p>
          <a href={`#${refusal.task.id}`}>Show the separation that was ordered</a>
        </p>
      )}
    </Notice>
  )
}

const fieldWords: Readonly<Record<string, string>> = {
  musicTaskId: 'Music task',
  audioId: 'Track',
  reference: 'Title',
  provider: 'Provider',
  type: 'Stems',
}

function Notice({ heading, children }: { heading: string; children: ComponentChildren }) {
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{heading}</strong>
      </p>
      {children}
    </div>
  )
}

/** Counts down, and is silent for screen readers, which have heard the whole time. */
function Countdown({ seconds }: { seconds: number }) {
  const [left, setLeft] = useState(Math.ceil(seconds))
  useEffect(() => {
    setLeft(Math.ceil(seconds))
    const timer = setInterval(() => setLeft((before) => Math.max(0, before - 1)), 1_000)
    return () => clearInterval(timer)
  }, [seconds])
  return <p aria-live="off">{left > 0 ? `You can order again in ${left} s.` : 'You can order again now.'}</p>
}
