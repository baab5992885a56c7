import type { Channel } from './channel.ts'
import { DownloadIcon } from './icons.tsx'
import type { Mixer } from './mixer.ts'
import type { Stem, StemState } from './use-stems.ts'
import { Waveform } from './waveform.tsx'

export interface StemRowProps {
  readonly stem: Stem
  readonly name: string
  readonly state: StemState
  readonly mixer: Mixer
  readonly channel: Channel
  /** The highest peak of all stems. */
  readonly loudest: number
  readonly isAudible: boolean
  readonly onChannel: (channel: Channel) => void
  readonly onRetry: () => void
}

/** One stem of the player: its waveform and its controls. */
export function StemRow({ stem, name, state, mixer, channel, loudest, isAudible, onChannel, onRetry }: StemRowProps) {
  const { isMuted, isSolo, volume } = channel
  return (
    <li class="stem" aria-label={name}>
      <span class="name">{name}</span>
      <span class="controls">
        <button
          class="toggle"
          aria-pressed={isMuted}
          aria-label={`Mute ${name}`}
          onClick={() => onChannel({ ...channel, isMuted: !isMuted })}
        >
          Mute
        </button>
        <button
          class="toggle"
          aria-pressed={isSolo}
          aria-label={`Solo ${name}`}
          onClick={() => onChannel({ ...channel, isSolo: !isSolo })}
        >
          Solo
        </button>
        <input
          type="range"
          aria-label={`Volume of ${name}`}
          aria-valuetext={`${Math.round(volume * 100)} percent`}
          min={0}
          max={1}
          step={0.05}
          value={volume}
          onInput={({ currentTarget }) => onChannel({ ...channel, volume: currentTarget.valueAsNumber })}
        />
        <a
          class="download"
          href={downloadUrl(stem.url)}
          download
          aria-label={`Download ${name}`}
          title={`Download ${name}`}
        >
          <DownloadIcon />
        </a>
      </span>
      <span class="wave">
        {state.kind === 'ready' && (
          <Waveform peaks={state.peaks} seconds={state.seconds} mixer={mixer} loudest={loudest} isAudible={isAudible} />
        )}
        {state.kind === 'waiting' && <span class="note">Waiting…</span>}
        {state.kind === 'loading' && <progress aria-label={`Loading ${name}`} max={1} value={state.fraction} />}
        {state.kind === 'failed' && (
          <span class="problem" role="alert">
            {state.message} <button onClick={onRetry}>Load again</button>
          </span>
        )}
      </span>
    </li>
  )
}

/** A link of the gateway saves its file under a readable name. A provider's own URL must stay as it is. */
function downloadUrl(url: string): string {
  const address = new URL(url)
  if (!address.pathname.includes('/stems/sep_')) return url
  address.searchParams.set('download', '1')
  return address.href
}
