import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundlePrograms } from '../../../tools/bundle.ts'
import { findCanary } from '../../support/canaries.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const running = new Set<ChildProcess>()
// None is left behind by a run that is broken off.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Beside a built gateway, the program that takes times below what an operator may set. */
export function impatient(program: string): string {
  return join(dirname(program), 'impatient.js')
}

/** What tests run beside the programs. */
const more = ['test/suites/faults/impatient.ts', 'src/runtime/bounded-output.ts', 'src/stores/open-store.ts']

/** Builds the gateway as `npm run build` does, into a folder from which it can be run; resolves to the path of its program. */
export async function buildGateway(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const name of ['package.json', 'schema']) await cp(join(root, name), join(folder, name), { recursive: true })
  const out = join(folder, 'dist')
  await bundlePrograms(
    out,
    more.map((path) => join(root, path)),
  )
  return join(out, 'main.js')
}

/** The gateway in a process of its own, which can be killed and started again on the same file. */
export interface GatewayProcess {
  /** Where it is now; null while it is down. */
  url(): string | null
  port(): number | null
  /** Resolves when it listens, or when it was killed before. Throws once it is closed. */
  start(): Promise<void>
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>
  /** It stands still until it goes on, and knows nothing of it: SIGSTOP, SIGCONT. */
  stop(): void
  goOn(): void
  /** Kills it for good; throws if it has written a secret. */
  close(): Promise<void>
  /** Whether the one that ran at `fromMs` still ran at `toMs`, or runs now; by the clock of `performance.now()`. */
  livedThrough(fromMs: number, toMs: number): boolean
  /** What it wrote last to its standard error. */
  lastWords(): string
  /** How often it ended without being killed by us. */
  ownEnds(): number
}

/** `command` is what runs, e.g. the path of node and of the program. */
export function createGatewayProcess(
  command: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
): GatewayProcess {
  const lives: { startedAtMs: number; endedAtMs: number }[] = []
  let child: ChildProcess | null = null
  let url: string | null = null
  let words = ''
  let ownEnds = 0
  let leak: string | null = null
  let isClosed = false

  async function kill(): Promise<void> {
    const mine = child
    if (mine === null || mine.exitCode !== null || mine.signalCode !== null) return
    const gone = once(mine, 'exit')
    url = null
    mine.kill('SIGKILL')
    await gone
  }

  /** Past the child's own `kill`, after which it would count as killed. */
  function signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    if (child?.pid !== undefined && url !== null) process.kill(child.pid, name)
  }

  return {
    url: () => url,
    port: () => (url === null ? null : Number(new URL(url).port)),

    async start() {
      if (isClosed) throw new Error('The gateway was closed for good.')
      const [program, ...args] = command
      const mine = spawn(program, args, {
        env: { PATH: process.env['PATH'], PORT: '0', ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      child = mine
      running.add(mine)
      const life = { startedAtMs: performance.now(), endedAtMs: Number.POSITIVE_INFINITY }
      lives.push(life)
      mine.stderr.on('data', (data) => {
        words = (words + String(data)).slice(-4_000)
        leak ??= findCanary(words)
      })
      mine.once('exit', () => {
        running.delete(mine)
        life.endedAtMs = performance.now()
        if (!mine.killed) ownEnds += 1
        if (child === mine) url = null
      })
      let said = ''
      await new Promise<void>((resolve) => {
        mine.stdout.on('data', (data) => {
          said += String(data)
          leak ??= findCanary(said)
          const found = /listening at (http:\S+)\/graphql/.exec(said)?.[1]
          if (found === undefined) return
          if (child === mine && !mine.killed) url = found
          resolve()
        })
        mine.once('exit', () => resolve())
      })
    },

    kill,
    stop: () => signal('SIGSTOP'),
    goOn: () => signal('SIGCONT'),

    async close() {
      isClosed = true
      await kill()
      if (leak !== null) throw new Error(`A secret stands in what a gateway has written, ${leak}`)
    },

    livedThrough: (fromMs, toMs) => lives.some((life) => life.startedAtMs <= fromMs && life.endedAtMs > toMs),
    lastWords: () => words,
    ownEnds: () => ownEnds,
  }
}
