import { useEffect, useState } from 'preact/hooks'
import { clockTime } from '../words.ts'
import { PauseIcon, PlayIcon } from './icons.tsx'
import type { Mixer } from './mixer.ts'
import { usePosition } from './use-position.ts'

export interface TransportProps {
  readonly mixer: Mixer
  /** Whether there is something to play. */
  readonly isReady: boolean
  /** How much is loaded, in words; null if everything is. */
  readonly loaded: string | null
}

/** Play, pause and seek. */
export function Transport({ mixer, isReady, loaded }: TransportProps) {
  const position = usePosition(mixer)
  const [isPlaying, setPlaying] = useState(mixer.isPlaying())
  const [problem, setProblem] = useState<string | null>(null)
  useEffect(() => mixer.onChange(() => setPlaying(mixer.isPlaying())), [mixer])
  const duration = mixer.duration()

  async function toggle(): Promise<void> {
    if (!isReady) return
    setProblem(null)
    if (mixer.isPlaying()) return mixer.pause()
    try {
      await mixer.play()
    } catch {
      setProblem('This browser gives no sound. Check that an output device is connected, then press play again.')
    }
  }

  return (
    <>
      <div class="transport">
        <button class="primary round" aria-disabled={!isReady} onClick={() => void toggle()}>
          {isPlaying ? <PauseIcon /> : <PlayIcon />}
          <span class="hidden">{isPlaying ? 'Pause' : 'Play'}</span>
        </button>
        <input
          type="range"
          aria-label="Position"
          aria-valuetext={`${clockTime(position)} of ${clockTime(duration)}`}
          min={0}
          max={duration > 0 ? duration : 1}
          step={0.1}
          disabled={!isReady}
          value={position}
          onInput={({ currentTarget }) => mixer.seek(currentTarget.valueAsNumber)}
        />
        <span class="time">
          {clockTime(position)} / {clockTime(duration)}
        </span>
      </div>
      <p class="note" role="status">
        {loaded}
      </p>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  )
}
