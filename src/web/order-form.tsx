import { useEffect, useState } from 'preact/hooks'
import { SeparateDocument } from '../../schema/operations.ts'
import type { Overview } from './overview.ts'
import type { Gateway } from './gateway.ts'
import { GatewayError, messageOf } from './gateway-error.ts'
import { keepDraft, newIdempotencyKey, readDraft, type OrderDraft } from './order-draft.ts'
import { OrderOutcomeView, type OrderOutcome } from './order-outcome.tsx'
import { ProviderField, TestTrackField, TextField, TypeField } from './order-fields.tsx'
import type { Task } from './tasks.ts'
import { useTestTracks } from './use-test-tracks.ts'

export interface OrderFormProps {
  readonly gateway: Gateway
  readonly providers: Overview['providers']
  /** The order was accepted. `isNew`: it did not join an earlier task. */
  readonly onTask: (task: Task, isNew: boolean) => void
  readonly onRefused: () => void
}

const idFields = [
  {
    name: 'musicTaskId',
    id: 'music-task',
    label: 'Music task',
    note: 'The provider’s id of the task that made the music (taskId).',
  },
  { name: 'audioId', id: 'track', label: 'Track', note: 'The provider’s id of one song of that task.' },
] as const

/** Orders a separation. What was entered survives a reload, and a repeated order is charged once. */
export function OrderForm({ gateway, providers: all, onTask, onRefused }: OrderFormProps) {
  const [draft, setDraft] = useState<OrderDraft>(() => ({ ...emptyDraft(), ...readDraft() }))
  const [outcome, setOutcome] = useState<OrderOutcome | null>(null)
  const [isSending, setSending] = useState(false)
  const [wasTried, setTried] = useState(false)
  const providers = all.filter(({ allowed }) => allowed)
  const offer = providers.find(({ name }) => name === draft.provider) ?? providers[0]
  const knownTracks = useTestTracks(offer?.name === 'SANDBOX')
  const tracks = knownTracks ?? []
  useEffect(() => keepDraft(draft), [draft])
  const [firstTrack] = tracks
  const isTestTrack = tracks.some(({ audioId }) => audioId === draft.audioId)
  const quotes = (offer?.quotes ?? []).filter(({ allowed }) => allowed)
  const entered =
    firstTrack === undefined || (isTestTrack && draft.musicTaskId !== '')
      ? draft
      : { ...draft, musicTaskId: 'my-music', audioId: isTestTrack ? draft.audioId : firstTrack.audioId }

  const isTypeAllowed = quotes.some(({ type }) => type === entered.type)
  const input = isTypeAllowed ? entered : { ...entered, type: quotes[0]?.type ?? entered.type }

  function change(fields: Partial<OrderDraft>): void {
    setDraft({ ...draft, ...fields, idempotencyKey: newIdempotencyKey() })
    setTried(false)
  }

  async function order(idempotencyKey: string, force: boolean): Promise<void> {
    setSending(true)
    setOutcome(null)
    try {
      const { separate } = await gateway.send(SeparateDocument, {
        input: {
          musicTaskId: input.musicTaskId.trim(),
          audioId: input.audioId.trim(),
          type: input.type,
          reference: input.reference.trim() || null,
          provider: offer?.name ?? null,
          idempotencyKey,
          force,
        },
      })
      setOutcome({ kind: 'answered', result: separate })
      if (separate.__typename === 'SeparateSuccess') {
        setDraft((before) => ({ ...before, idempotencyKey: newIdempotencyKey() }))
        onTask(separate.task, !separate.reused)
      } else onRefused()
    } catch (error) {
      const mayBeAccepted = error instanceof GatewayError && ['unreachable', 'stopping'].includes(error.kind)
      setOutcome({ kind: 'failed', message: messageOf(error), mayBeAccepted })
    } finally {
      setSending(false)
    }
  }

  function submit(event: Event): void {
    event.preventDefault()
    setTried(true)
    if (input.musicTaskId.trim() !== '' && input.audioId.trim() !== '' && !isSending) {
      void order(draft.idempotencyKey, false)
    }
  }

  function orderAgain(): void {
    const idempotencyKey = newIdempotencyKey()
    setDraft({ ...draft, idempotencyKey })
    void order(idempotencyKey, true)
  }

  return (
    <section class="card" aria-labelledby="order-heading">
      <h2 id="order-heading">New separation</h2>
      <form onSubmit={submit} noValidate>
        {providers.length > 1 && (
          <ProviderField
            providers={providers}
            value={offer?.name ?? null}
            onChange={(provider) => change({ provider })}
          />
        )}
        {tracks.length > 0 && (
          <TestTrackField tracks={tracks} value={input.audioId} onChange={(audioId) => change({ audioId })} />
        )}
        {knownTracks?.length === 0 &&
          idFields.map(({ name, ...field }) => (
            <TextField
              key={name}
              {...field}
              value={draft[name]}
              isMissing={wasTried && draft[name].trim() === ''}
              onChange={(value) => change({ [name]: value })}
            />
          ))}
        <TypeField value={input.type} quotes={quotes} onChange={(type) => change({ type })} />
        <TextField
          id="reference"
          label="Title (optional)"
          note={null}
          value={draft.reference}
          isMissing={false}
          onChange={(reference) => change({ reference })}
        />
        {outcome !== null && <OrderOutcomeView outcome={outcome} onOrderAgain={orderAgain} />}
        <button class="primary wide" aria-disabled={isSending}>
          {isSending ? 'Ordering…' : 'Order'}
        </button>
        <p class="note">
          {offer?.name === 'SANDBOX'
            ? 'The sandbox costs no money. Its credits are play money.'
            : 'The provider charges for each new separation.'}
        </p>
      </form>
    </section>
  )
}

function emptyDraft(): OrderDraft {
  const idempotencyKey = newIdempotencyKey()
  return { provider: null, musicTaskId: '', audioId: '', type: 'SEPARATE_VOCAL', reference: '', idempotencyKey }
}
