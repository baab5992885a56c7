import { execFile } from 'node:child_process'
import { copyFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startProgram } from '../support/program.ts'

const run = promisify(execFile)

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('a stack trace in the log names the source files', async () => {
  const program = startProgram({ DATABASE_URL: `file:${await newFolder()}`, LOG_LEVEL: 'debug' })
  expect(await program.exit).toBe(1)
  expect(program.stderr()).toMatch(/ at openSqliteFile \(\S+\/src\/stores\/sqlite\/sqlite-file\.ts:\d+:\d+\)/)
})

test('the programs run with the code cache of their build', async () => {
  const launcher = pathToFileURL(join(dirname(inject('program')), 'launch.js')).href
  const script = `const { launch } = await import('${launcher}'); console.log('rejected', launch('main').cachedDataRejected)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, '--', 'file', '--help'])
  expect(stdout).toContain('rejected false')
})

test.each([
  { what: 'without a code cache', cacheOf: () => null },
  { what: 'with half a code cache', cacheOf: (whole: Buffer) => whole.subarray(0, whole.length / 2) },
  { what: 'with an unreadable code cache', cacheOf: () => Buffer.from('not a code cache') },
])('a program starts $what', async ({ cacheOf }) => {
  const dist = dirname(inject('program'))
  const folder = await newFolder()
  await symlink(join(dist, '../node_modules'), join(folder, 'node_modules'))
  await copyFile(join(dist, '../package.json'), join(folder, 'package.json'))
  await cp(dist, join(folder, 'dist'), { recursive: true, filter: (path) => !/\.(gz|map|cache)$/.test(path) })
  const cache = cacheOf(await readFile(join(dist, 'stemgate.cjs.cache')))
  if (cache !== null) await writeFile(join(folder, 'dist/stemgate.cjs.cache'), cache)
  const { stdout, stderr } = await run(process.execPath, [join(folder, 'dist/main.js'), '--help'])
  expect(stdout).toContain('Starts a Stemgate gateway')
  expect(stderr).toBe('')
})
