import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
const readme = await readFile(join(project, 'README.md'), 'utf8')
const run = promisify(execFile)
const runMs = 30_000

function blocksOf(language: string): readonly string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, code = '']) => code)
}

const snippets = ['the client package', 'Apollo Client', 'urql', 'graphql-ws'].map((name, index) => ({
  name,
  code: blocksOf('ts')[index] ?? '',
}))

/** What the README shows, adapted to a gateway of a test. */
function shown(text: string, { url }: TestGateway, taskId = ''): string {
  return text.replaceAll('127.0.0.1:4000', new URL(url).host).replaceAll('sep_…', taskId)
}

/** Sends a document; a subscription is answered with an event stream. */
async function send({ url }: TestGateway, query: string): Promise<string> {
  const accept = query.startsWith('subscription') ? 'text/event-stream' : 'application/json'
  const headers = { 'content-type': 'application/json', accept }
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })
  return response.text()
}

function taskIdIn(answer: string): string {
  const [taskId] = /sep_\w{26}/.exec(answer) ?? []
  if (taskId === undefined) throw new Error(`There is no task in ${answer}`)
  return taskId
}

test('the GraphQL operations of the README order, watch and read a task', async () => {
  const gateway = await startGateway()
  const [order = '', watch = '', read = ''] = blocksOf('graphql')
  const taskId = taskIdIn(await send(gateway, order))
  const events = await send(gateway, shown(watch, gateway, taskId))
  expect(events).toContain('"status":"SUCCESS"')
  expect(events.trimEnd()).toMatch(/event: complete\s+data:$/)
  expect(JSON.parse(await send(gateway, shown(read, gateway, taskId)))).toMatchObject({
    data: { separation: { status: 'SUCCESS', failure: null } },
  })
})

test('the curl commands of the README order and watch a task', async () => {
  const gateway = await startGateway()
  const commands = blocksOf('sh').find((block) => block.startsWith('curl')) ?? ''
  const [order = '', watch = ''] = commands.trim().split('\n\n')
  const { stdout: ordered } = await run('sh', ['-c', shown(order, gateway)], { timeout: runMs })
  const { stdout } = await run('sh', ['-c', shown(watch, gateway, taskIdIn(ordered))], { timeout: runMs })
  expect(stdout).toContain('"status":"SUCCESS"')
})

describe('the code of the README', () => {
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(await realpath(tmpdir()), 'stemgate-readme-'))
    await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
    await copyFile(join(project, 'schema/operations.ts'), join(folder, 'operations.ts'))
    // Browsers have WebSocket; Node has it from version 22 on.
    await writeFile(
      join(folder, 'web-socket.js'),
      "import { WebSocket } from 'ws'\nglobalThis.WebSocket ??= WebSocket\n",
    )
    for (const { name, code } of snippets) await writeFile(join(folder, `${name}.ts`), code)
    return () => rm(folder, { recursive: true })
  })

  test('compiles', async () => {
    const tsc = join(project, 'node_modules/typescript/bin/tsc')
    const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error: { stdout: string }) => error)
    expect(stdout).toBe('')
  })

  test.each(snippets)('for $name runs', async ({ name, code }) => {
    const gateway = await startGateway()
    const [order = ''] = blocksOf('graphql')
    const taskId = taskIdIn(await send(gateway, order))
    const file = join(folder, `run ${name}.ts`)
    await writeFile(file, shown(code, gateway, taskId))
    onTestFinished(() => rm(file))
    const args = ['--import', 'tsx', '--import', './web-socket.js', file]
    const { stdout } = await run(process.execPath, args, { cwd: folder, timeout: runMs })
    expect(stdout).toContain('SUCCESS')
  })
})

/** The settings of a bundler's template. */
const tsconfig = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'dom'],
    module: 'esnext',
    moduleResolution: 'bundler',
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    types: [],
    noEmit: true,
  },
  include: ['*.ts'],
}
