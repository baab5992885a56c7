import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { canary } from '../support/canaries.ts'
import { runProgram } from '../support/run-program.ts'

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))

describe.each([
  ['main.js', /^Starts a Stemgate gateway/, ['check-config', 'json']],
  ['demo.js', /^Orders two separations/, []],
  ['backup/main.js', /^Copies the SQLite file/, ['to', 'from']],
  ['move-store/main.js', /^Moves everything/, ['from', 'to', 'keep-target-secrets']],
] as const)('%s', (program, purpose, options) => {
  test('prints its purpose, usage, options, exit codes and guide with --help and -h', async () => {
    const [long, short] = await Promise.all([runProgram(program, ['--help']), runProgram(program, ['-h'])])
    expect(long).toEqual(short)
    const { code, stdout, stderr, files } = long
    expect({ code, stderr, files }).toEqual({ code: 0, stderr: '', files: [] })
    expect(stdout).toMatch(purpose)
    expect(stdout).toMatch(/^Usage: npm .* {4}or: node dist\//m)
    for (const option of [...options, 'version']) expect(stdout).toMatch(new RegExp(`^  --${option} `, 'm'))
    expect(stdout).toMatch(/^  -h, --help /m)
    expect(stdout).toMatch(/^Exit codes: 0 .* 1 otherwise\.$/m)
    expect(stdout).toMatch(/^The guide.*: docs\/[\w/]+\.md/m)
    expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([])
  })

  test('prints its version with --version', async () => {
    const { code, stdout, stderr } = await runProgram(program, ['--version'])
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `stemgate ${version}\n`, stderr: '' })
  })

  test('refuses unknown arguments without repeating them, and lists its options', async () => {
    const ways = [[`--port=${canary}`], [canary], ['--help', `--${canary}`]]
    for (const { code, stdout, stderr, files } of await Promise.all(ways.map((args) => runProgram(program, args)))) {
      expect({ code, stdout, files }).toEqual({ code: 1, stdout: '', files: [] })
      expect(stderr).toMatch(/--help/)
      expect(stderr).not.toMatch(/\n\s+at /)
      expect(stderr).not.toContain(canary)
    }
  })
})

test('the gateway refuses --json without --check-config', async () => {
  const { code, stderr } = await runProgram('main.js', ['--json'])
  expect({ code, stderr }).toEqual({ code: 1, stderr: '--json needs --check-config.\n' })
})
