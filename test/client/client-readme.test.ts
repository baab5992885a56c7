import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { order, startGateway } from '../support/gateway.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
const readme = await readFile(join(project, 'client/README.md'), 'utf8')
const run = promisify(execFile)

/** The code of the README, by the file name in the first line of each block. */
const blocks = new Map(
  [...readme.matchAll(/^```ts\n\/\/ (\S+)\n([^]*?)^```$/gm)].map(([, file = '', code = '']) => [file, code]),
)
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(await realpath(tmpdir()), 'stemgate-client-readme-'))
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  for (const [file, code] of blocks) await writeFile(join(folder, file), code)
  return () => rm(folder, { recursive: true })
})

test('the code of the client’s README compiles', async () => {
  const options = ['--strict', '--noEmit', '--skipLibCheck', '--types', 'node', '--target', 'es2023']
  const modules = ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2023,dom,dom.asynciterable']
  const tsc = join(project, 'node_modules/typescript/bin/tsc')
  const { stdout } = await run(process.execPath, [tsc, ...options, ...modules, ...blocks.keys()], {
    cwd: folder,
  }).catch((error: { stdout: string }) => error)
  expect(stdout).toBe('')
})

/** What each block prints. */
const outputs: Readonly<Record<string, RegExp>> = {
  'separate.ts': /^PROCESSING [^]*^SETTLED [^]*^VOCAL http[^]*^DRUMS http/m,
  'order.ts': /^sep_\w+ false$/m,
  'watch.ts': /^SUCCESS 2$/m,
  'download.ts': /^done – Vocals\.wav saved$/m,
  'token.ts': /^null$/m,
  'errors.ts': /^failed GENERATION_FAILED CHARGED$/m,
  'web-sockets.ts': /^SUCCESS$/m,
}

test('the code of the client’s README runs', async () => {
  expect([...blocks.keys()].toSorted()).toEqual(Object.keys(outputs).toSorted())
  const gateway = await startGateway({ SANDBOX_DELAY_MS: '300' })
  const taskId = await order(gateway, { musicTaskId: 'other-music', audioId: 'done' })
  const { host } = new URL(gateway.url)
  const runs: string[] = []
  for (const [file, code] of blocks) {
    await writeFile(join(folder, `run-${file}`), code.replaceAll('127.0.0.1:4000', host).replace('sep_…', taskId))
    runs.push(`console.log('## ${file}')\nawait import('./run-${file}')\n`)
  }
  await writeFile(join(folder, 'run-all.ts'), runs.join(''))
  const { stdout } = await run(process.execPath, ['--import', 'tsx', 'run-all.ts'], { cwd: folder, timeout: 30_000 })
  const [, ...printed] = stdout.split(/^## /m)
  printed.forEach((text) => {
    const [file = ''] = text.split('\n', 1)
    expect(text).toMatch(outputs[file] ?? /never/)
  })
  expect(printed).toHaveLength(blocks.size)
  expect(await readdir(folder)).toContain('done – Instrumental.wav')
})
