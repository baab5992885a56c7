import { pino, type Logger } from 'pino'
import { createBoundedOutput } from '../runtime/bounded-output.ts'
import { describeError } from '../runtime/describe-error.ts'
import type { LogLevel } from '../config/environment.ts'

/** The log of the program: JSON lines on standard error. It never blocks on its reader. */
export interface ProgramLog {
  readonly log: Logger
  /** Writes a plain line for people to the same output. */
  print(text: string): void
  /** The number of lines that were dropped because they could not be written in time. */
  dropped(): number
  /** Resolves when every line is written, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>
}

export function createProgramLog(level: LogLevel): ProgramLog {
  const output = createBoundedOutput(2, {
    onRecovered: (dropped) =>
      log.warn({ dropped }, 'lines of this log were dropped because they could not be written in time'),
  })
  // pino joins the messages of an error and its cause without regard to a period between them.
  const err = (error: unknown) =>
    error instanceof Error ? { ...pino.stdSerializers.err(error), message: describeError(error) } : error
  const log = pino({ level, base: null, serializers: { err } }, output)
  return { log, print: (text) => output.write(`${text}\n`), dropped: output.dropped, flush: output.flush }
}
