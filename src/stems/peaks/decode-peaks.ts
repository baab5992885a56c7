import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { formatOfBytes, type AudioFormat } from '../audio-format.ts'
import type { FromWorker, PeaksJob, ToWorker } from './worker-messages.ts'
import { startPeaksWorker } from './start-worker.ts'

/** Half an hour at 48 kHz. */
const maxSamples = 30 * 60 * 48_000
const maxFileBytes = 400_000_000
/** Of the worker's JavaScript. The decoder's own memory is a few megabytes. */
const maxHeapMegabytes = 128

/** The waveform of a file: see `PeakMeter.read`. */
export interface DecodedPeaks {
  readonly peaks: Uint8Array
  readonly durationSeconds: number
}

/**
 * Decodes an MP3 or WAV file in a thread of its own, while it is read. Resolves to null if it cannot be decoded or is too long.
 * Rejects if the file breaks off, or when the signal aborts. Destroys the file.
 */
export async function decodePeaks(file: Readable, signal: AbortSignal): Promise<DecodedPeaks | null> {
  let decoder: Decoder | null = null
  let bytes = 0
  try {
    for await (const chunk of file as AsyncIterable<Buffer>) {
      bytes += chunk.length
      decoder ??= startDecoder(formatOfBytes(chunk), signal)
      if (decoder === null || bytes > maxFileBytes || (await decoder.send(chunk)).kind !== 'next') return null
    }
    const answer = await decoder?.send(null)
    return answer?.kind === 'done' ? { peaks: answer.peaks, durationSeconds: answer.durationSeconds } : null
  } finally {
    file.destroy()
    await decoder?.end()
  }
}

interface Decoder {
  /** Sends a part of the file and resolves to the answer. Rejects if the thread fails. */
  send(part: ToWorker): Promise<FromWorker>
  end(): Promise<unknown>
}

/** null for a format that is not decoded. */
function startDecoder(format: AudioFormat | null, signal: AbortSignal): Decoder | null {
  if (format !== 'mp3' && format !== 'wav') return null
  const workerData: PeaksJob = { format, maxSamples }
  const worker = startPeaksWorker({
    workerData,
    // Nothing of the gateway's secrets.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes },
    // The decoder complains of each part of a damaged file.
    stdout: true,
    stderr: true,
  })
  // It may fail while nothing waits for its answer, and an error without a listener ends the process.
  worker.on('error', () => {})
  worker.stdout.resume()
  worker.stderr.resume()
  return {
    async send(part) {
      const answer = once(worker, 'message', { signal })
      worker.postMessage(part)
      const [message]: FromWorker[] = await answer
      return message ?? { kind: 'undecodable' }
    },
    end: () => worker.terminate(),
  }
}
