import { parentPort, workerData } from 'node:worker_threads'
import { createMp3Decoder } from './decode-mp3.ts'
import { createWavDecoder } from './decode-wav.ts'
import { createPeakMeter } from './peak-meter.ts'
import type { FromWorker, PeaksJob, ToWorker } from './worker-messages.ts'

/** The thread that decodes one file: it is sent the file part by part, asks for the next part each time, and answers with the peaks at the end. */

const port = parentPort
const { format, maxSamples }: PeaksJob = workerData
const send = (message: FromWorker) => port?.postMessage(message)

const decoder = format === 'mp3' ? await createMp3Decoder() : createWavDecoder()
const meter = createPeakMeter(maxSamples)

port?.on('message', (part: ToWorker) => {
  try {
    if (part !== null) {
      meter.add(decoder.decode(part))
      send(meter.samples() >= maxSamples ? { kind: 'undecodable' } : { kind: 'next' })
      return
    }
    const [peaks, sampleRate] = [meter.read(), decoder.sampleRate()]
    decoder.free()
    if (peaks === null || sampleRate === null) send({ kind: 'undecodable' })
    else send({ kind: 'done', peaks, durationSeconds: meter.samples() / sampleRate })
  } catch {
    send({ kind: 'undecodable' })
  }
})
