import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'

/** Runs a built program to its end, in an empty folder. */
async function run(program: string, args: readonly string[]) {
  const cwd = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(cwd, { recursive: true, force: true }))
  const child = spawn(process.execPath, [join(dirname(inject('program')), program), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (output.stdout += String(data)))
  child.stderr.on('data', (data) => (output.stderr += String(data)))
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const [code] = await ended
  return { code, ...output, files: await readdir(cwd) }
}

describe.each([
  ['main.js', /^Starts a Stemgate gateway.*npm start.*PORT=4001.*docs\/operator\.md/s],
  ['demo.js', /^Orders two separations.*npm run demo/s],
])('%s', (program, usage) => {
  test.each(['--help', '-h'])('prints a usage and ends with %s', async (argument) => {
    const { code, stdout, stderr, files } = await run(program, [argument])
    expect({ code, stderr, files }).toEqual({ code: 0, stderr: '', files: [] })
    expect(stdout).toMatch(usage)
    expect(stdout.split('\n').length).toBeLessThan(15)
  })

  const secret = 'hunter2'
  // The test names contain no values, because they look like secrets.
  test.each([[1, [`--port=${secret}`]] as const, [2, [secret]] as const, [3, ['--help', `--${secret}`]] as const])(
    'refuses unknown arguments without repeating them (%i)',
    async (_index, args) => {
      const { code, stdout, stderr, files } = await run(program, args)
      expect({ code, stdout, files }).toEqual({ code: 1, stdout: '', files: [] })
      expect(stderr).toMatch(/^The only argument is --help\.\n\n/)
      expect(stderr).not.toMatch(/hunter2|\n\s+at /)
    },
  )
})
