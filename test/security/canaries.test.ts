import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { canary, findCanary, plantCallbackUrl } from '../support/canaries.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const token = 'AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE'
const address = `https://gateway.example/callbacks/kie/sep_01h455vb4pex5vsknk084sn02q/${token}`
const base64 = (text: string) => Buffer.from(text).toString('base64')

test.each([
  ['as it is', `key-${canary}-0123`],
  ['in capitals', `KEY-${canary.toUpperCase()}`],
  ['as a password', `postgres://user:${canary}@db.example/x`],
  ...[0, 1, 2, 3].map((before) => [
    `in base64, ${before} from its beginning`,
    base64(`${'x'.repeat(before)}${canary}:`),
  ]),
  ['in a callback address', address],
  ['in an encoded callback address', encodeURIComponent(address)],
])('findCanary finds a secret %s and returns its context without it', (_how, secret) => {
  const found = findCanary(`{"what":"went wrong","secret":"${secret}"}`)
  expect(found).toContain('went wrong')
  expect(findCanary(found ?? '')).toBeNull()
})

test('findCanary finds a callback token, alone or within longer text, once its URL was seen', () => {
  const bare = `the token ${token}`
  expect(findCanary(bare)).toBeNull()
  plantCallbackUrl(address)
  expect(findCanary(bare)).not.toBeNull()
  expect(findCanary(`x${token}x`)).not.toBeNull()
  expect(findCanary(`the token ${token.slice(1)}`)).toBeNull()
})

describe.concurrent('a test run', () => {
  test.for([
    ['passes that prints no secret', "test('a name', () => console.log('no key'))", null],
    ['fails in which a test prints one', "test('a name', () => console.log('key: ' + canary))", 'key: '],
    ['fails in which a test complains of one', "test('a name', () => console.error('key: ' + canary))", 'key: '],
    ['fails in which a test is named after one', "test('named ' + canary, () => {})", 'named '],
  ] as const)('%s', async ([, body, where], { expect: expectHere, onTestFinished }) => {
    const folder = await newRepository(
      `import { test } from 'vitest'\nimport { canary } from '../support/canaries.ts'\n${body}\n`,
    )
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const { code, output } = await runTests(folder)
    const [, complaint = null] = output.split('The run has printed a secret')
    expectHere(code).toBe(where === null ? 0 : 1)
    if (where === null) return expectHere(complaint).toBeNull()
    expectHere(complaint).toContain(where)
    expectHere(findCanary(complaint ?? '')).toBeNull()
  })
})

/** A repository with this one's settings and one test file. */
async function newRepository(tests: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-run-'))
  for (const name of [
    'vitest.config.ts',
    'package.json',
    'test/support/canaries.ts',
    'test/support/longest-first.ts',
    'test/support/watched-output.ts',
  ]) {
    await cp(join(root, name), join(folder, name))
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await mkdir(join(folder, 'test/core'))
  await writeFile(join(folder, 'test/core/structure.test.ts'), tests)
  return folder
}

/** Runs the tests as `npm test` does, in a separate process. */
function runTests(folder: string): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project=unit', '--reporter=verbose']
    execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr })
    })
  })
}
