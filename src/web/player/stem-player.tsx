import { useEffect, useState } from 'preact/hooks'
import { partWords } from '../words.ts'
import type { Channel } from './channel.ts'
import { StemRow } from './stem-row.tsx'
import { Transport } from './transport.tsx'
import { useStems, type Stem } from './use-stems.ts'

const open: Channel = { isMuted: false, isSolo: false, volume: 1 }

/** Plays the stems of a task together: play, seek, mute, solo, volume, download. */
export function StemPlayer({ stems }: { stems: readonly Stem[] }) {
  const { mixer, isReduced, stateOf, retry } = useStems(stems)
  const [channels, setChannels] = useState<ReadonlyMap<string, Channel>>(new Map())
  const channelOf = ({ id }: Stem) => channels.get(id) ?? open
  const hasSolo = stems.some((stem) => channelOf(stem).isSolo)
  const isAudible = (stem: Stem) => {
    const { isMuted, isSolo } = channelOf(stem)
    return !isMuted && (isSolo || !hasSolo)
  }

  useEffect(() => {
    for (const stem of stems) mixer.setVolume(stem.id, isAudible(stem) ? channelOf(stem).volume : 0)
  }, [stems, channels])

  const ready = stems.filter((stem) => stateOf(stem).kind === 'ready').length
  const isLoading = stems.some((stem) => ['waiting', 'loading'].includes(stateOf(stem).kind))
  const loudest = Math.max(
    0,
    ...stems.flatMap((stem) => {
      const state = stateOf(stem)
      return state.kind === 'ready' ? state.peaks : []
    }),
  )
  return (
    <div class="player">
      <Transport
        mixer={mixer}
        isReady={ready > 0}
        loaded={isLoading ? `${ready} of ${stems.length} stems loaded` : null}
      />
      <ul class="stems">
        {stems.map((stem) => (
          <StemRow
            key={stem.id}
            stem={stem}
            name={nameOf(stem)}
            state={stateOf(stem)}
            mixer={mixer}
            channel={channelOf(stem)}
            loudest={loudest}
            isAudible={isAudible(stem)}
            onChannel={(channel) => setChannels(new Map(channels).set(stem.id, channel))}
            onRetry={() => retry(stem)}
          />
        ))}
      </ul>
      {isReduced && (
        <p class="note">
          These stems are many and long, so they play here at a lower quality. Downloads have the full one.
        </p>
      )}
    </div>
  )
}

function nameOf({ part, label }: Stem): string {
  return part === 'OTHER' ? (label ?? partWords.OTHER) : partWords[part]
}
