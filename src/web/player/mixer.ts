/** Plays the stems of a song together, on one clock, so that they stay in step to the sample. */
export interface Mixer {
  /** The length of the longest stem, in seconds. */
  duration(): number
  /** Where playback is, in seconds. */
  position(): number
  isPlaying(): boolean
  /** Decodes a file and adds it as a stem, at the current position. Throws if it is not audio. */
  add(id: string, file: ArrayBuffer): Promise<AudioBuffer>
  /** Throws if the browser gives no sound output. */
  play(): Promise<void>
  pause(): void
  seek(seconds: number): void
  /** Sets the volume of a stem, from 0 to 1, without a click. */
  setVolume(id: string, volume: number): void
  /** Calls the listener when playback starts, stops, ends or jumps, and when a stem is added. */
  onChange(listener: () => void): () => void
  close(): void
}

interface Stem {
  readonly buffer: AudioBuffer
  readonly gain: GainNode
  source: AudioBufferSourceNode | null
}

/** What decoded stems may take. A song of 4 minutes has 85 MB for each stem at 44.1 kHz. */
const memoryBudgetBytes = 640 * 2 ** 20
const bytesPerFrame = 2 * 4
const bestRate = 44_100
const lowestRate = 16_000
/** Sources that start together need a moment to be ready. */
const leadSeconds = 0.03
const fadeSeconds = 0.01
const outputTimeoutMs = 3_000

/**
 * The sampling rate at which all stems fit into memory: the full one for usual songs, a lower one for many long stems.
 * @param totalSeconds the durations of all stems together
 */
export function sampleRateFor(totalSeconds: number): number {
  const fitting = memoryBudgetBytes / (bytesPerFrame * Math.max(1, totalSeconds))
  return Math.round(Math.min(bestRate, Math.max(lowestRate, fitting)))
}

export function createMixer(sampleRate: number): Mixer {
  const context = new AudioContext({ sampleRate })
  const stems = new Map<string, Stem>()
  const volumes = new Map<string, number>()
  const listeners = new Set<() => void>()
  /** The position when playback last stopped or jumped. */
  let offset = 0
  /** The context's time at that position; null: paused. */
  let startedAt: number | null = null
  let endTimer: ReturnType<typeof setTimeout> | null = null

  const tell = () => listeners.forEach((listener) => listener())
  const duration = () => Math.max(0, ...[...stems.values()].map(({ buffer }) => buffer.duration))
  const position = () =>
    startedAt === null ? offset : Math.min(duration(), offset + Math.max(0, context.currentTime - startedAt))

  function startSource(stem: Stem, at: number, from: number): void {
    if (from >= stem.buffer.duration) return
    stem.source = new AudioBufferSourceNode(context, { buffer: stem.buffer })
    stem.source.connect(stem.gain)
    stem.source.start(at, from)
  }

  function stopSources(): void {
    for (const stem of stems.values()) {
      stem.source?.stop()
      stem.source?.disconnect()
      stem.source = null
    }
    if (endTimer !== null) clearTimeout(endTimer)
    endTimer = null
  }

  function startSources(): void {
    const at = context.currentTime + leadSeconds
    for (const stem of stems.values()) startSource(stem, at, offset)
    startedAt = at
    watchEnd()
  }

  /** Stops at the end. The clock of the audio decides, because the page's own may run differently. */
  function watchEnd(): void {
    if (endTimer !== null) clearTimeout(endTimer)
    endTimer = setTimeout(
      () => {
        if (startedAt === null) return
        if (position() < duration()) return watchEnd()
        stopSources()
        startedAt = null
        offset = 0
        tell()
      },
      Math.max(50, (duration() - position()) * 1000),
    )
  }

  return {
    duration,
    position,
    isPlaying: () => startedAt !== null,

    async add(id, file) {
      const buffer = await context.decodeAudioData(file)
      const gain = new GainNode(context, { gain: volumes.get(id) ?? 1 })
      gain.connect(context.destination)
      const stem: Stem = { buffer, gain, source: null }
      stems.set(id, stem)
      if (startedAt !== null) {
        const at = context.currentTime + leadSeconds
        startSource(stem, at, offset + Math.max(0, at - startedAt))
        watchEnd()
      }
      tell()
      return buffer
    },

    async play() {
      if (startedAt !== null || stems.size === 0) return
      // Without an output device, some browsers never answer.
      const timeout = new Promise<void>((resolve) => setTimeout(resolve, outputTimeoutMs))
      await Promise.race([context.resume(), timeout])
      if (context.state !== 'running') throw new Error('There is no sound output.')
      if (startedAt !== null) return
      startSources()
      tell()
    },

    pause() {
      if (startedAt === null) return
      offset = position()
      startedAt = null
      stopSources()
      tell()
    },

    seek(seconds) {
      const wasPlaying = startedAt !== null
      stopSources()
      offset = Math.min(Math.max(0, seconds), duration())
      startedAt = null
      if (wasPlaying) startSources()
      tell()
    },

    setVolume(id, volume) {
      volumes.set(id, volume)
      stems.get(id)?.gain.gain.setTargetAtTime(volume, context.currentTime, fadeSeconds)
    },

    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    close() {
      stopSources()
      startedAt = null
      listeners.clear()
      stems.clear()
      void context.close()
    },
  }
}
