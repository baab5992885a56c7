import { pino, type Logger } from 'pino'
import { createBoundedOutput } from '../runtime/bounded-output.ts'
import type { LogLevel } from '../config/environment.ts'

/** The log of a program, lines of JSON on standard error. It never waits for its reader. */
export interface ProgramLog {
  readonly log: Logger
  /** Writes to people, beside the lines of JSON. */
  print(text: string): void
  /** How many lines were dropped, because nobody read them in time or they could not be written. */
  dropped(): number
  /** Resolves when every line is written, or after `withinMs`. */
  flush(withinMs: number): Promise<void>
}

export function createProgramLog(level: LogLevel): ProgramLog {
  const output = createBoundedOutput(2, {
    onRecovered: (dropped) =>
      log.warn({ dropped }, 'lines of this log were dropped: they could not be written in time'),
  })
  const log = pino({ level, base: null }, output)
  return { log, print: (text) => output.write(`${text}\n`), dropped: output.dropped, flush: output.flush }
}
