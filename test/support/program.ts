import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject, onTestFinished } from 'vitest'
import { expectNoCanary } from './canaries.ts'
import type { Ending } from './gateway.ts'

/** The program as an operator starts it, in a process of its own. */
export interface Program {
  /** Where it listens; rejects if it ends before it does. */
  readonly url: Promise<string>
  /** Its exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals>
  stdout(): string
  stderr(): string
  /** Resolves to the first line of the log that contains this text; rejects if the program ends before. */
  logged(text: string): Promise<Record<string, unknown>>
  signal(name: NodeJS.Signals): void
}

/** A database file of its own, which goes with the test. */
export async function newDatabaseUrl(atEnd: Ending = onTestFinished): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  return `file:${join(folder, 'stemgate.db')}`
}

/**
 * Starts it with this environment and nothing else of ours. The test fails if it has written a secret.
 * @param options of Node.js
 */
export function startProgram(environment: Readonly<Record<string, string>>, options: readonly string[] = []): Program {
  const child = spawn(process.execPath, [...options, inject('program')], {
    env: { PATH: process.env['PATH'], PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => (stdout += String(data)))
  child.stderr.on('data', (data) => (stderr += String(data)))
  const exit = once(child, 'close').then(([code, signal]) => code ?? signal)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exit
    expectNoCanary(stdout + stderr, 'what the program has written')
  })
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const found = /listening at (http:\S+)\/graphql/.exec(stdout)?.[1]
      if (found !== undefined) resolve(found)
    })
    exit.then((code) => reject(new Error(`It ended with ${code}:\n${stdout}${stderr}`)), reject)
  })
  // Those who expect it to end do not ask where it is.
  url.catch(() => {})
  const logged = (text: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const look = () => {
        const found = stderr
          .split('\n')
          .slice(0, -1)
          .find((line) => line.includes(text))
        if (found === undefined) return
        child.stderr.off('data', look)
        resolve(JSON.parse(found))
      }
      child.stderr.on('data', look)
      look()
      exit.then(() => reject(new Error(`It has not logged “${text}”:\n${stderr}`)), reject)
    })
  return { url, exit, logged, stdout: () => stdout, stderr: () => stderr, signal: (name) => void child.kill(name) }
}
