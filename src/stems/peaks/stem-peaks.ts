import type { Log } from '../../runtime/log.ts'
import { ProviderUnreadableError } from '../../separation/errors.ts'
import type { StemFileRef, StemPeaksStore } from '../../separation/store/stem-file-store.ts'
import { stemName } from '../../separation/task/stem.ts'
import type { FileFacts } from '../file-facts.ts'
import type { StemOfTask, StemSource } from '../stem-source.ts'
import { decodePeaks } from './decode-peaks.ts'
import { maxima } from './peak-meter.ts'

/** The waveforms of stems. */
export interface StemPeaks {
  /**
   * The highest absolute value of each of `buckets` parts of equal length, from 0 to 1. null if the file cannot be decoded.
   * Decodes the file when it is first asked for. Rejects with ProviderUnreadableError if the file
   * cannot be read now, or if too many others are being decoded.
   */
  find(stem: StemOfTask, buckets: number): Promise<readonly number[] | null>
  /** Computes and stores the waveform, unless it is stored already. Rejects as `find`. */
  prepare(stem: StemOfTask): Promise<void>
  /** Ends the decoding that is under way. */
  close(): void
}

export interface StemPeaksOptions {
  readonly store: StemPeaksStore
  readonly source: StemSource
  readonly facts: Pick<FileFacts, 'learn'>
  readonly log: Log
}

/** How many files are decoded at a time, and how many wait. Each takes a thread. */
const maxDecoding = 2
const maxWaiting = 64
/** How long one file may take to be read and decoded, in milliseconds. */
const maxDecodingMs = 60_000

export function createStemPeaks({ store, source, facts, log }: StemPeaksOptions): StemPeaks {
  /** Equal requests share one decoding. */
  const underWay = new Map<string, Promise<Uint8Array | null>>()
  const waiting: (() => void)[] = []
  const closing = new AbortController()
  let decoding = 0

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (decoding >= maxDecoding) {
      if (waiting.length >= maxWaiting)
        throw new ProviderUnreadableError('Too many waveforms are being computed. Try again later.')
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else decoding += 1
    try {
      return await work()
    } finally {
      // Whoever waits longest takes the place.
      const next = waiting.shift()
      if (next === undefined) decoding -= 1
      else next()
    }
  }

  async function compute(stem: StemOfTask, ref: StemFileRef): Promise<Uint8Array | null> {
    const signal = AbortSignal.any([AbortSignal.timeout(maxDecodingMs), closing.signal])
    const file = await source.open(stem, null, signal)
    if (file.kind !== 'open') throw new ProviderUnreadableError('The file of this stem cannot be read now.')
    const decoded = await decodePeaks(file.body, signal)
    if (decoded !== null) facts.learn(stem, { durationSeconds: Math.round(decoded.durationSeconds * 1_000) / 1_000 })
    await store.saveStemPeaks(ref, decoded?.peaks ?? null)
    return decoded?.peaks ?? null
  }

  async function computeOnce(stem: StemOfTask, ref: StemFileRef): Promise<Uint8Array | null> {
    const key = `${ref.taskId}/${ref.stem} ${ref.url}`
    const running = underWay.get(key)
    if (running !== undefined) return running
    const started = inTurn(() => compute(stem, ref)).finally(() => underWay.delete(key))
    underWay.set(key, started)
    return started
  }

  async function peaksOf(stem: StemOfTask): Promise<Uint8Array | null> {
    const ref = { taskId: stem.task.id, stem: stemName(stem.stem), url: stem.stem.url.value }
    const stored = await store.stemPeaks(ref)
    if (stored !== undefined) return stored
    try {
      return await computeOnce(stem, ref)
    } catch (error) {
      if (error instanceof ProviderUnreadableError) throw error
      log.debug({ err: error, taskId: ref.taskId }, 'a stem could not be decoded')
      throw new ProviderUnreadableError('The waveform of this stem cannot be computed now.', { cause: error })
    }
  }

  return {
    close: () => closing.abort(),
    async prepare(stem) {
      await peaksOf(stem)
    },
    async find(stem, buckets) {
      const peaks = await peaksOf(stem)
      return peaks === null ? null : maxima(peaks, buckets).map((value) => Math.round((value / 255) * 1_000) / 1_000)
    },
  }
}
