import { isatty } from 'node:tty'
import { pino, type Logger } from 'pino'
import { createBoundedOutput } from '../runtime/bounded-output.ts'
import { describeError } from '../runtime/describe-error.ts'
import type { LogLevel } from '../config/environment.ts'

/** The log of the program on standard error: JSON lines, or text on a terminal. It never blocks on its reader. */
export interface ProgramLog {
  readonly log: Logger
  setLevel(level: LogLevel): void
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
  const terminal = { write: (line: string) => output.write(formatLine(line)) }
  const log = pino({ level, base: null, serializers: { err } }, isatty(2) ? terminal : output)
  const setLevel = (next: LogLevel) => void (log.level = next)
  return { log, setLevel, print: (text) => output.write(`${text}\n`), dropped: output.dropped, flush: output.flush }
}

/** A JSON line of the log as text for a terminal. */
function formatLine(json: string): string {
  const { level, time, msg, ...detail } = JSON.parse(json)
  const fields = Object.keys(detail).length === 0 ? '' : ` ${JSON.stringify(detail)}`
  return `${new Date(time).toISOString()} ${pino.levels.labels[level]} ${msg}${fields}\n`
}
