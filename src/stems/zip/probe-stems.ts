import type { Readable } from 'node:stream'
import type { Stem } from '../../separation/task/stem.ts'
import type { SucceededTask } from '../../separation/task/task.ts'
import { formatOf, isTextPage, type AudioFormat } from '../audio-format.ts'
import { headBytes, headRange } from '../byte-range.ts'
import { planAnswer } from '../plan-answer.ts'
import type { NoFile, OpenFile, StemOfTask, StemSource } from '../stem-source.ts'

/** What is known of a file whose beginning was read. */
export interface ProbedFile extends StemOfTask, Pick<OpenFile, 'size' | 'contentType' | 'validator'> {
  readonly format: AudioFormat | null
}

/** A stem whose file cannot be read. */
export interface MissingFile {
  readonly stem: Stem
  readonly why: Exclude<NoFile['kind'], 'unsatisfiable'> | 'not-audio'
}

export interface ProbeOptions {
  /** How long each file may take to begin, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** How many files are probed at a time. */
const probesAtOnce = 4

/** Reads the beginning of the file of every stem. Returns a stem without a file, if there is one: the first that was found. */
export async function probeStems(
  source: StemSource,
  task: SucceededTask,
  options: ProbeOptions,
): Promise<readonly ProbedFile[] | MissingFile> {
  const files: ProbedFile[] = []
  for (let at = 0; at < task.stems.length; at += probesAtOnce) {
    const stems = task.stems.slice(at, at + probesAtOnce)
    const probed = await Promise.all(stems.map((stem) => probe(source, { task, stem }, options)))
    for (const each of probed) {
      if ('why' in each) return each
      files.push(each)
    }
  }
  return files
}

/** Opens the whole of a file that was probed. Rejects if there is none any more, or another one. */
export async function openProbed(source: StemSource, probed: ProbedFile, signal: AbortSignal): Promise<Readable> {
  const file = await source.open(probed, null, signal)
  if (file.kind !== 'open') throw new Error('The file of a stem is gone.')
  const isSizeKnown = file.size !== null && probed.size !== null
  const isSame = isSizeKnown ? file.size === probed.size : file.contentType === probed.contentType
  if (isSame && planAnswer(file, null, probed.size).status === 200) return file.body
  file.body.destroy()
  throw new Error('The file of a stem is another one now.')
}

async function probe(
  source: StemSource,
  { task, stem }: StemOfTask,
  { timeoutMs, signal }: ProbeOptions,
): Promise<ProbedFile | MissingFile> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  let file = await source.open({ task, stem }, headRange, limited)
  // No range of an empty file exists.
  if (file.kind === 'unsatisfiable') file = await source.open({ task, stem }, null, limited)
  if (file.kind === 'unsatisfiable') return { stem, why: 'failed' }
  if (file.kind !== 'open') return { stem, why: file.kind }
  const { size, contentType, validator } = file
  const firstBytes = await readBeginning(file)
  if (firstBytes === null || file.first !== 0) return { stem, why: 'failed' }
  if (isTextPage(contentType, firstBytes)) return { stem, why: 'not-audio' }
  const format = formatOf({ firstBytes, contentType, url: stem.url.value })
  return { task, stem, size, contentType, validator, format }
}

/**
 * Reads a part to its end, so that its connection can be used again, or the first bytes of a whole file or of a part that is larger
 * than was asked for. null if it fails.
 */
async function readBeginning({ body, last }: OpenFile): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let received = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      received += chunk.length
      if (last === null || received > headBytes) break
    }
    return Buffer.concat(chunks)
  } catch {
    return null
  }
}
