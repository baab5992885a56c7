import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Unread } from './unread.ts'

/** A gateway in its own process that reports measurements of that process. */
export interface WatchedGateway {
  readonly url: string
  /** The environment of the process. */
  readonly environment: Readonly<Record<string, string>>
  /** Whether its process has ended, by itself or by `close`. */
  hasEnded(): boolean
  /** The longest time for which its event loop stood still since it was last asked. */
  stallMs(): Promise<number>
  /** What it keeps resident, once the garbage is collected. */
  residentBytes(): Promise<number>
  /** The most that it kept resident since it was last asked. */
  peakBytes(): Promise<number>
  /** The share of time that the event loop was busy since the last query, from 0 to 1. */
  busyShare(): Promise<number>
  /** What those leave unread who come from the address of the stuck readers, and how it closed them since it was last asked. */
  unread(): Promise<Unread>
  close(): Promise<void>
}

const root = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Starts one with a new database; without limits of requests, unless the environment says otherwise.
 * @param onWords takes what it prints on both of its outputs; if it is left out, its log goes to ours
 */
export async function startWatchedGateway(
  environment: Readonly<Record<string, string>> = {},
  onWords?: (words: string) => void,
  program = 'src/main.ts',
): Promise<WatchedGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  const nodeArguments = ['--expose-gc', '--import', 'tsx', '--import', './test/suites/bench/watch-process.ts']
  const whole = {
    PORT: '0',
    DATABASE_URL: `file:${join(folder, 'stemgate.db')}`,
    REQUESTS_PER_MINUTE: '1000000',
    SEPARATES_PER_MINUTE: '1000000',
    LOG_LEVEL: 'error',
    ...environment,
  }
  const child = spawn(process.execPath, [...nodeArguments, program], {
    cwd: root,
    // Ctrl-C stops the run, which ends its gateways itself.
    detached: true,
    env: { PATH: process.env['PATH'], ...whole },
    stdio: ['ignore', 'pipe', onWords === undefined ? 'inherit' : 'pipe', 'ipc'],
  })
  if (onWords !== undefined) {
    for (const output of [child.stdout, child.stderr]) output?.setEncoding('utf8').on('data', onWords)
  }
  const exit = once(child, 'close')
  let hasEnded = false
  // None is left behind by a run that is broken off.
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => {
    hasEnded = true
    process.off('exit', kill)
  })
  const url = await new Promise<string>((resolve, reject) => {
    let stdout = ''
    child.stdout?.on('data', (data) => {
      stdout += String(data)
      const found = /listening at (http:\S+)\/graphql/.exec(stdout)?.[1]
      if (found !== undefined) resolve(found)
    })
    exit.then(() => reject(new Error(`The gateway ended:\n${stdout}`)), reject)
  })

  async function ask(question: 'stall' | 'memory' | 'peak' | 'busy'): Promise<number> {
    child.send(question)
    const [answer] = await once(child, 'message')
    return Number(answer)
  }

  return {
    url,
    environment: whole,
    hasEnded: () => hasEnded,
    stallMs: () => ask('stall'),
    residentBytes: () => ask('memory'),
    peakBytes: () => ask('peak'),
    busyShare: () => ask('busy'),
    async unread() {
      child.send('unread')
      const [answer]: Unread[] = await once(child, 'message')
      if (answer === undefined) throw new TypeError('A message holds something.')
      return answer
    },
    async close() {
      child.kill('SIGTERM')
      await exit
      await rm(folder, { recursive: true, force: true })
    },
  }
}
