import { useEffect, useState } from 'preact/hooks'

/** A test track of the sandbox. */
export interface TestTrack {
  readonly audioId: string
  readonly description: string
}

/**
 * The sandbox's test tracks; null until they are known. Empty without the sandbox, and for visitors from other machines, who
 * may not list them.
 */
export function useTestTracks(isSandbox: boolean): readonly TestTrack[] | null {
  const [tracks, setTracks] = useState<readonly TestTrack[] | null>(null)
  useEffect(() => {
    let isCurrent = true
    if (isSandbox) {
      fetchTracks().then(
        (found) => isCurrent && setTracks(found),
        // Without the list the ids can be typed.
        () => isCurrent && setTracks([]),
      )
    }
    return () => {
      isCurrent = false
    }
  }, [isSandbox])
  return isSandbox ? tracks : []
}

async function fetchTracks(): Promise<readonly TestTrack[]> {
  const response = await fetch('/sandbox/tracks')
  if (!response.ok) return []
  const tracks: readonly TestTrack[] = await response.json()
  return tracks
}
