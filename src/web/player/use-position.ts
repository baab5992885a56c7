import { useEffect, useState } from 'preact/hooks'
import type { Mixer } from './mixer.ts'

/** The position of playback in seconds, renewed with every frame while it moves. */
export function usePosition(mixer: Mixer): number {
  const [position, setPosition] = useState(mixer.position())
  useEffect(() => {
    let frame = 0
    const update = () => {
      cancelAnimationFrame(frame)
      setPosition(mixer.position())
      if (mixer.isPlaying()) frame = requestAnimationFrame(update)
    }
    update()
    const unlisten = mixer.onChange(update)
    return () => {
      cancelAnimationFrame(frame)
      unlisten()
    }
  }, [mixer])
  return position
}
