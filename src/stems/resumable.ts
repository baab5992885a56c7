import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { AskedRange } from './byte-range.ts'
import type { NoFile, OpenFile } from './stem-source.ts'

/** How long to wait before each attempt to go on, in milliseconds. Their number is that of the attempts for one file. */
const pausesMs = [0, 250, 1_000]

/** What is asked for of a file. */
export interface RangeAsk {
  /** null: the whole. */
  readonly range: AskedRange | null
  /** The range only if this validator is still that of the file; null: in any case. */
  readonly ifRange: string | null
}

export interface ResumeOptions {
  /** Opens the same file again. */
  readonly reopen: (ask: RangeAsk) => Promise<OpenFile | NoFile | 'unranged'>
  /** Ends the attempts. */
  readonly signal: AbortSignal
}

/**
 * The same file, whose body survives that the server breaks off: it goes on where it was, if the server can do that and says
 * that the file is still the same one. Otherwise the body fails, as without this. A file without a known end cannot be resumed and
 * is returned as it is, as is one whose validator is weak: files with other bytes may have the same.
 */
export function resumable(file: OpenFile, { reopen, signal }: ResumeOptions): OpenFile {
  const { validator, size, last } = file
  const lastByte = last ?? (size === null ? null : size - 1)
  if (validator === null || validator.isWeak || lastByte === null) return file
  const ifRange = validator.value
  let source = file.body
  let position = file.first
  let attempts = 0

  const body = new Readable({
    read: () => void source.resume(),
    destroy(error, done) {
      source.destroy()
      done(error)
    },
  })
  // It may break before anybody listens, and an error without a listener ends the process.
  body.on('error', () => {})
  follow(source)
  return { ...file, body }

  function follow(next: Readable): void {
    source = next
    next.on('data', (chunk: Buffer) => {
      position += chunk.length
      if (!body.push(chunk)) next.pause()
    })
    next.once('end', () => body.push(null))
    next.once('close', () => {
      if (!next.readableEnded) void goOn()
    })
  }

  async function goOn(): Promise<void> {
    const next = await continuation()
    if (next === null) body.destroy(new Error('The file server broke off.'))
    else if (body.destroyed) next.destroy()
    else follow(next)
  }

  /** The rest of the file; null if there is none to be had. */
  async function continuation(): Promise<Readable | null> {
    const pauseMs = pausesMs[attempts]
    attempts += 1
    if (pauseMs === undefined || body.destroyed || signal.aborted) return null
    await delay(pauseMs, undefined, { signal }).catch(() => {})
    if (body.destroyed || signal.aborted) return null
    const next = await reopen({ range: { kind: 'span', first: position, last }, ifRange })
    if (next === 'unranged') return null
    if (next.kind === 'failed') return continuation()
    if (next.kind !== 'open') return null
    if (isContinuation(next)) return next.body
    next.body.destroy()
    return null
  }

  function isContinuation(next: OpenFile): boolean {
    const isSame = next.validator?.value === ifRange && !next.validator.isWeak
    return isSame && next.size === size && next.first === position && next.last === lastByte
  }
}
