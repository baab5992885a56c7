import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Task } from '../tasks.ts'
import { FileError, loadFile } from './load-file.ts'
import { createMixer, sampleRateFor, type Mixer } from './mixer.ts'
import { peaksOf } from './waveform-path.ts'

export type Stem = Task['allStems'][number]

/** How far a stem's file is. */
export type StemState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'loading'; readonly fraction: number }
  | { readonly kind: 'ready'; readonly peaks: readonly number[]; readonly seconds: number }
  | { readonly kind: 'failed'; readonly message: string }

export interface Stems {
  readonly mixer: Mixer
  /** Whether the stems are played at a lower quality than their files have, because they are many and long. */
  readonly isReduced: boolean
  stateOf(stem: Stem): StemState
  /** Loads a stem again that failed. */
  retry(stem: Stem): void
}

/** How many files are loaded at a time. Browsers open six connections to a server, and the page needs some itself. */
const maxLoads = 3
/** The assumed length of a stem whose provider does not report it. */
const usualSeconds = 240
const fullRate = 44_100

/** Loads the stems into a mixer, some at a time. */
export function useStems(stems: readonly Stem[]): Stems {
  const [states, setStates] = useState<ReadonlyMap<string, StemState>>(new Map())
  const sampleRate = useMemo(
    () => sampleRateFor(stems.reduce((sum, { durationSeconds }) => sum + (durationSeconds ?? usualSeconds), 0)),
    [],
  )
  const mixer = useMemo(() => createMixer(sampleRate), [])
  const known = useRef(new Set<string>())
  const queue = useRef<Stem[]>([])
  const loads = useRef(0)
  const ending = useMemo(() => new AbortController(), [])

  const setState = ({ id }: Stem, state: StemState) => setStates((before) => new Map(before).set(id, state))

  async function load(stem: Stem): Promise<void> {
    setState(stem, { kind: 'loading', fraction: 0 })
    try {
      const file = await loadFile(stem.url, ending.signal, (fraction) => setState(stem, { kind: 'loading', fraction }))
      const buffer = await mixer.add(stem.id, file)
      const channels = Array.from({ length: buffer.numberOfChannels }, (_, index) => buffer.getChannelData(index))
      setState(stem, { kind: 'ready', peaks: peaksOf(channels), seconds: buffer.duration })
    } catch (error) {
      if (ending.signal.aborted) return
      const message = error instanceof FileError ? error.message : 'This browser cannot play the file.'
      setState(stem, { kind: 'failed', message })
    }
  }

  async function work(): Promise<void> {
    if (loads.current >= maxLoads) return
    loads.current += 1
    for (let stem = queue.current.shift(); stem !== undefined; stem = queue.current.shift()) await load(stem)
    loads.current -= 1
  }

  function enqueue(more: readonly Stem[]): void {
    queue.current.push(...more)
    for (let worker = 0; worker < maxLoads; worker++) void work()
  }

  useEffect(() => {
    const added = stems.filter(({ id }) => !known.current.has(id))
    for (const { id } of added) known.current.add(id)
    enqueue(added)
  }, [stems])

  useEffect(
    () => () => {
      ending.abort()
      mixer.close()
    },
    [],
  )

  return {
    mixer,
    isReduced: sampleRate < fullRate,
    stateOf: ({ id }) => states.get(id) ?? { kind: 'waiting' },
    retry: (stem) => enqueue([stem]),
  }
}
