import type { Provider, SeparationType } from '../../schema/operations.ts'
import type { Overview } from './overview.ts'
import { priceText } from './providers.tsx'
import type { TestTrack } from './use-test-tracks.ts'
import { providerWords, typeWords } from './words.ts'

interface ProviderFieldProps {
  readonly providers: Overview['providers']
  readonly value: Provider | null
  readonly onChange: (provider: Provider | null) => void
}

/** Which provider made the music. */
export function ProviderField({ providers, value, onChange }: ProviderFieldProps) {
  return (
    <p class="field">
      <label for="provider">Provider</label>
      <select
        id="provider"
        value={value ?? ''}
        onChange={({ currentTarget }) =>
          onChange(providers.find(({ name }) => name === currentTarget.value)?.name ?? null)
        }
      >
        {providers.map(({ name }) => (
          <option key={name} value={name}>
            {providerWords[name]}
          </option>
        ))}
      </select>
    </p>
  )
}

interface TestTrackFieldProps {
  readonly tracks: readonly TestTrack[]
  readonly value: string
  readonly onChange: (audioId: string) => void
}

/** Which outcome to try in the sandbox. */
export function TestTrackField({ tracks, value, onChange }: TestTrackFieldProps) {
  return (
    <p class="field">
      <label for="test-track">Test track</label>
      <select
        id="test-track"
        value={value}
        aria-describedby="test-track-note"
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      >
        {tracks.map(({ audioId }) => (
          <option key={audioId} value={audioId}>
            {audioId}
          </option>
        ))}
      </select>
      <span class="note" id="test-track-note">
        {tracks.find(({ audioId }) => audioId === value)?.description}
      </span>
    </p>
  )
}

interface TypeFieldProps {
  readonly value: SeparationType
  /** The types that may be ordered, with their prices as far as the operator has configured them. */
  readonly quotes: Overview['providers'][number]['quotes']
  readonly onChange: (type: SeparationType) => void
}

/** Which stems to order, and what they cost. */
export function TypeField({ value, quotes, onChange }: TypeFieldProps) {
  return (
    <fieldset>
      <legend>Stems</legend>
      {quotes.map(({ type, credits }) => (
        <label class="choice" key={type}>
          <input type="radio" name="type" value={type} checked={value === type} onChange={() => onChange(type)} />
          <span>{typeWords[type]}</span>
          <span class="soft">{priceText(credits)}</span>
        </label>
      ))}
    </fieldset>
  )
}

interface TextFieldProps {
  readonly id: string
  readonly label: string
  readonly note: string | null
  readonly value: string
  readonly isMissing: boolean
  readonly onChange: (value: string) => void
}

/** One line of text, with a note below it or what is missing. */
export function TextField({ id, label, note, value, isMissing, onChange }: TextFieldProps) {
  return (
    <p class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        autocomplete="off"
        spellcheck={false}
        maxLength={255}
        value={value}
        aria-invalid={isMissing}
        aria-describedby={isMissing || note !== null ? `${id}-note` : undefined}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      {(isMissing || note !== null) && (
        <span class={isMissing ? 'note missing' : 'note'} id={`${id}-note`}>
          {isMissing ? 'Enter the id.' : note}
        </span>
      )}
    </p>
  )
}
