import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { isatty } from 'node:tty'
import { pino, type Logger } from 'pino'
import { createBoundedOutput } from '../runtime/bounded-output.ts'
import { describeError } from '../runtime/describe-error.ts'
import type { LogFormat, LogLevel } from '../config/environment.ts'
import { formatLine } from './format-line.ts'
import { version } from '../runtime/version.ts'

/** The log of the program on standard error, in JSON or as text for people. It never blocks on its reader. */
export interface ProgramLog {
  readonly log: Logger
  setLevel(level: LogLevel): void
  /** Shows lines of this level too. Does not hide any that are shown now. */
  showFrom(level: LogLevel): void
  /** Writes a plain line for people to the same output. */
  print(text: string): void
  /** The number of lines that were dropped because they could not be written in time. */
  dropped(): number
  /** Resolves when every line is written, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>
}

export interface ProgramLogOptions {
  readonly level: LogLevel
  /** null: text on a terminal, else JSON. */
  readonly format: LogFormat | null
  /** What tells this process apart from others of its kind; null: the name of the machine and a random word. */
  readonly instance: string | null
}

export function createProgramLog({ level, format, instance }: ProgramLogOptions): ProgramLog {
  const output = createBoundedOutput(2, {
    onRecovered: (dropped) =>
      log.warn(
        { event: 'log.dropped', dropped },
        'lines of this log were dropped because they could not be written in time',
      ),
  })
  // pino joins the messages of an error and its cause without regard to a period between them.
  const err = (error: unknown) =>
    error instanceof Error ? { ...pino.stdSerializers.err(error), message: describeError(error) } : error
  const base = { service: 'stemgate', version, instance: instance ?? `${hostname()}-${randomBytes(3).toString('hex')}` }
  const people = { write: (line: string) => output.write(formatLine(line)) }
  const isPretty = format === null ? isatty(2) : format === 'pretty'
  const log = pino({ level, base, serializers: { err } }, isPretty ? people : output)
  const setLevel = (next: LogLevel) => void (log.level = next)
  const showFrom = (next: LogLevel) => {
    if ((pino.levels.values[next] ?? Infinity) < log.levelVal) setLevel(next)
  }
  return {
    log,
    setLevel,
    showFrom,
    print: (text) => output.write(`${text}\n`),
    dropped: output.dropped,
    flush: output.flush,
  }
}
