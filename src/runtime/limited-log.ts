import type { Log } from './log.ts'

/** Writes a line, unless there were too many of its kind within a minute. A kind may be anything, such as a task or a caller. */
export type WriteLimited = (kind: string, level: keyof Log, detail: object, message: string) => void

export interface LimitedLogOptions {
  readonly log: Log
  /** Of each kind. */
  readonly maxPerMinute: number
}

/** How many kinds are told apart within a minute. The rest count as one, so that nobody fills the memory by inventing kinds. */
const maxKinds = 1_000
const otherKinds = '…'
const minuteMs = 60_000

/** For lines that strangers can cause: they must not fill the log. Once a minute a line says how many were left out. */
export function createLimitedLog({ log, maxPerMinute }: LimitedLogOptions): WriteLimited {
  const written = new Map<string, number>()
  let leftOut = 0
  let timer: NodeJS.Timeout | null = null

  function endMinute(): void {
    timer = null
    written.clear()
    if (leftOut === 0) return
    log.warn({ event: 'log.left-out', lines: leftOut }, 'lines were left out because there were too many of their kind')
    leftOut = 0
  }

  return function write(kind, level, detail, message) {
    timer ??= setTimeout(endMinute, minuteMs).unref()
    const counted = written.has(kind) || written.size < maxKinds ? kind : otherKinds
    const count = written.get(counted) ?? 0
    if (count >= maxPerMinute) {
      leftOut += 1
      return
    }
    written.set(counted, count + 1)
    log[level](detail, message)
  }
}
