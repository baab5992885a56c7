import { availableParallelism, loadavg } from 'node:os'
import { median } from './latency.ts'
import type { Phase, Round } from './measure-readers.ts'

/** How many times as long the good ones waited, and all that was measured in words. */
export interface Printed {
  readonly p50Times: number
  readonly p95Times: number
  /** The most that the gateway itself held for one stuck reader. */
  readonly mostOfOneBytes: number
  /** For how many it held something when the changes began. */
  readonly holding: number
  readonly text: string
}

/** Beyond this the gateway is to close; whoever had less unread was closed by time. */
const limitBytes = 1024 * 1024

/** The median of the rounds' own ratios, since the rounds are not alike. */
export function printReaders(rounds: readonly Round[]): Printed {
  const times = (of: (phase: Phase) => number) => median(rounds.map(({ alone, beside }) => of(beside) / of(alone)))
  const p50Times = times(({ latencyMs }) => latencyMs.p50)
  const p95Times = times(({ latencyMs }) => latencyMs.p95)
  const row = (name: string, of: (phase: Phase) => number, digits = 1) =>
    [
      name.padEnd(26),
      median(rounds.map(({ alone }) => of(alone)))
        .toFixed(digits)
        .padStart(10),
      median(rounds.map(({ beside }) => of(beside)))
        .toFixed(digits)
        .padStart(14),
      times(of).toFixed(2).padStart(8),
    ].join('')
  const closed = rounds.flatMap(({ beside }) => beside.closed)
  const byBytes = closed.filter(({ unreadBytes }) => unreadBytes > limitBytes)
  const byTime = closed.filter(({ unreadBytes }) => unreadBytes <= limitBytes)
  const oldestMs = Math.max(0, ...closed.map(({ ageMs }) => ageMs))
  const sum = (of: (round: Round) => number) => rounds.reduce((all, round) => all + of(round), 0)
  const most = (of: (round: Round) => number) => Math.max(...rounds.map(of))
  const holding = median(rounds.map(({ beside }) => beside.stuckAtFirst.holding))
  const text = [
    `${''.padEnd(26)}${'alone'.padStart(10)}${'beside stuck'.padStart(14)}${'times'.padStart(8)}`,
    row('told after, median ms', ({ latencyMs }) => latencyMs.p50),
    row('told after, p95 ms', ({ latencyMs }) => latencyMs.p95),
    row('told after, p99 ms', ({ latencyMs }) => latencyMs.p99),
    row('told after, worst ms', ({ latencyMs }) => latencyMs.max),
    row('longest stall ms', ({ stallMs }) => stallMs),
    row('gateway’s peak MiB', ({ peakBytes }) => mib(peakBytes), 0),
    `Medians of ${rounds.length} rounds, each measured without and with the stuck readers; the times are the median of the rounds' own.`,
    `When the changes began, ${median(rounds.map(({ beside }) => beside.stuckAtFirst.open))} stuck readers were open, and the gateway held something unread for ${holding} of them, beyond what the system's buffers hold.`,
    `At most it held ${mib(most(({ beside }) => beside.mostOfOneBytes)).toFixed(2)} MiB for one of them and ${mib(most(({ beside }) => beside.mostBytes)).toFixed(0)} MiB for all.`,
    `It closed ${closed.length} of them: ${byBytes.length} for more than 1 MiB unread, ${byTime.length} for having been silent; the oldest was ${(oldestMs / 1_000).toFixed(0)} s old. They connected again ${sum(({ beside }) => beside.reopened)} times.`,
    `This machine has ${availableParallelism()} cores, which provider, good and stuck readers share with the gateway; its load is now ${loadavg()[0]?.toFixed(1)}.`,
  ].join('\n')
  return { p50Times, p95Times, mostOfOneBytes: most(({ beside }) => beside.mostOfOneBytes), holding, text }
}

function mib(bytes: number): number {
  return bytes / 1024 / 1024
}
