import { useId, useMemo } from 'preact/hooks'
import type { Mixer } from './mixer.ts'
import { usePosition } from './use-position.ts'
import { waveformHeight, waveformPath } from './waveform-path.ts'

export interface WaveformProps {
  readonly peaks: readonly number[]
  readonly seconds: number
  readonly mixer: Mixer
  /** The highest peak of all stems: they share one scale. */
  readonly loudest: number
  /** Whether the stem is heard. */
  readonly isAudible: boolean
}

/**
 * The waveform of a stem; the part that was played has the accent colour. A click seeks. For keyboards and screen readers the
 * slider of the player does the same, so this is hidden from them.
 */
export function Waveform({ peaks, seconds, mixer, loudest, isAudible }: WaveformProps) {
  const id = useId()
  const path = useMemo(() => waveformPath(peaks, loudest), [peaks, loudest])
  const position = usePosition(mixer)
  const duration = mixer.duration()
  // A stem that is shorter than the song takes its share of the width.
  const width = seconds > 0 ? (peaks.length * duration) / seconds : peaks.length
  const played = duration > 0 ? (position / duration) * width : 0

  function seek(event: PointerEvent & { readonly currentTarget: SVGSVGElement }): void {
    const { left, width: pixels } = event.currentTarget.getBoundingClientRect()
    mixer.seek(((event.clientX - left) / pixels) * duration)
  }

  return (
    <svg
      class={isAudible ? 'waveform' : 'waveform silent'}
      viewBox={`0 0 ${width} ${waveformHeight}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      onPointerDown={seek}
    >
      <clipPath id={id}>
        <rect width={played} height={waveformHeight} />
      </clipPath>
      <path class="rest" d={path} />
      <path class="played" d={path} clip-path={`url(#${id})`} />
    </svg>
  )
}
