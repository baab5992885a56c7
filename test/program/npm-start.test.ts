import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const cwd = fileURLToPath(new URL('../..', import.meta.url))
// Vitest may itself run under `npm --silent`.
const { npm_config_loglevel: _, ...env } = process.env

/** Runs what npm runs before `npm start`. With --version, the compiler prints its version and compiles nothing. */
function prestart(...options: readonly string[]) {
  return promisify(execFile)('npm', ['run', ...options, 'prestart', '--', '--version'], { cwd, env })
}

test('npm start says that it compiles', async () => {
  expect(await prestart()).toEqual({
    stdout: expect.stringMatching(/Version \d/),
    stderr: expect.stringMatching(/^Compiling Stemgate/),
  })
})

test('npm start with --silent does not say that it compiles', async () => {
  expect(await prestart('--silent')).toEqual({ stdout: expect.stringMatching(/^Version \d/), stderr: '' })
})
