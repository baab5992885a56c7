import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import type { Ending } from '../../../support/gateway.ts'
import { pinned } from './pinned.ts'

/** A server in a process of its own, on the CPU of the servers. */
export interface ServerProcess {
  /** For example `http://127.0.0.1:4000`. */
  readonly url: string
  /** The CPU time that it has used, in seconds; null where the system does not tell. */
  cpuSeconds(): Promise<number | null>
  /** Its resident memory; null where the system does not tell. */
  residentBytes(): Promise<number | null>
  /** The most that was resident since its start; null where the system does not tell. */
  peakResidentBytes(): Promise<number | null>
  /** Collects the garbage; resolves to the bytes of the heap and of external memory. Only with `reportsMemory`. */
  liveBytes(): Promise<number>
  /** Ends it as an operator would. */
  close(): Promise<void>
}

export interface ServerOptions {
  /** The arguments of node: options, the program, its own arguments. */
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly isPinned: boolean
  /** The module that reports the memory; null to leave the process as it is. */
  readonly memoryReporter?: string | null
}

/** Starts a server that writes `… listening at <url>` when it listens. */
export async function startServer(options: ServerOptions, atEnd: Ending): Promise<ServerProcess> {
  const { args, environment = {}, isPinned, memoryReporter = null } = options
  const reporting = memoryReporter === null ? [] : ['--expose-gc', '--import', memoryReporter]
  const [command = '', ...rest] = pinned(isPinned, [process.execPath, ...reporting, ...args])
  const child = spawn(command, rest, {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', ...(memoryReporter === null ? [] : (['ipc'] as const))],
  })
  const exit = once(child, 'close')
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  let output = ''
  child.stderr?.on('data', (bytes) => (output = (output + String(bytes)).slice(-4_000)))
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (bytes) => {
      output = (output + String(bytes)).slice(-4_000)
      const found = /listening at (http:\/\/[^\s/]+)/.exec(output)?.[1]
      if (found !== undefined) resolve(found)
    })
    exit.then(([code]) => reject(new Error(`The server ended with ${code}:\n${output}`)), reject)
  })

  const close = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await exit
  }
  atEnd(close)

  async function statusBytes(field: 'VmRSS' | 'VmHWM'): Promise<number | null> {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => null)
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status ?? '')?.[1]
    return kibibytes === undefined ? null : Number(kibibytes) * 1024
  }

  return {
    url,
    async cpuSeconds() {
      // Of each thread, in nanoseconds: the times in `stat` are in hundredths of a second.
      const folder = `/proc/${child.pid}/task`
      const threads = await readdir(folder).catch(() => [])
      const read = threads.map((thread) => readFile(`${folder}/${thread}/schedstat`, 'utf8').catch(() => '0'))
      const nanoseconds = (await Promise.all(read)).map((stat) => Number.parseInt(stat, 10))
      return nanoseconds.length === 0 ? null : nanoseconds.reduce((sum, each) => sum + each, 0) / 1e9
    },
    residentBytes: () => statusBytes('VmRSS'),
    peakResidentBytes: () => statusBytes('VmHWM'),
    async liveBytes() {
      child.send('memory')
      const [bytes] = await once(child, 'message')
      return Number(bytes)
    },
    close,
  }
}
