import { pino, type Logger } from 'pino'
import { createBoundedOutput } from '../runtime/bounded-output.ts'
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
  const log = pino({ level, base: null }, output)
  return { log, print: (text) => output.write(`${text}\n`), dropped: output.dropped, flush: output.flush }
}
