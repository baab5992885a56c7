import { readFile, stat, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { commands } from '../../src/admin/commands.ts'
import { canary, expectNoCanary } from '../support/canaries.ts'
import { adminJson, runAdmin } from '../support/admin.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, storedTask } from '../support/gateway.ts'
import { newDatabaseUrl } from '../support/program.ts'
import { runProgram } from '../support/run-program.ts'

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
const program = 'admin/main.js'

test('the help lists every command, and every command has help of its own', async () => {
  const [long, short] = await Promise.all([runProgram(program, ['--help']), runProgram(program, ['-h'])])
  expect(long).toEqual(short)
  expect(await runProgram(program, ['help'])).toEqual(long)
  expect(await runProgram(program, ['help', 'Show'])).toEqual(await helpOf('show'))
  expect(long).toMatchObject({ code: 0, stderr: '', files: [] })
  expect(long.stdout).toMatch(/^Usage: npm run admin -- <command> \[options\] {4}or: node dist\/admin\/main\.js /m)
  expect(long.stdout).toMatch(/^The guide: docs\/operator\/commands\.md/m)
  const helps = await Promise.all(commands.map(async (command) => ({ ...command, ...(await helpOf(command.name)) })))
  for (const { name, summary, options, changes, code, stdout, stderr } of helps) {
    expect(long.stdout).toContain(`  ${name} `)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.startsWith(`${summary}.\n`)).toBe(true)
    for (const option of Object.keys(options)) expect(stdout).toMatch(new RegExp(`^  --${option} `, 'm'))
    expect(/^ {2}--dry-run /m.test(stdout)).toBe(changes)
    expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([])
  }
  expect(long.stdout.split('\n').filter((line) => line.length > 120)).toEqual([])
})

test('the guide for operators lists every command', async () => {
  const guide = await readFile(new URL('../../docs/operator/commands.md', import.meta.url), 'utf8')
  const listed = [...guide.matchAll(/^\| `([\w-]+)`/gm)].map(([, name]) => name)
  expect(listed).toEqual(commands.map(({ name }) => name))
})

test('the version is printed', async () => {
  const { code, stdout } = await runProgram(program, ['--version'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: `stemgate ${version}\n` })
})

test('without a command, the help is printed and nothing is done', async () => {
  const { code, stdout, stderr } = await runProgram(program, [])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^Commands:$/m)
})

test.each([
  { what: 'an unknown command', args: [canary], says: /Unknown command\. The commands are .*show/ },
  { what: 'help for an unknown command', args: ['help', canary], says: /Unknown command\./ },
  { what: 'an unknown option', args: ['show', 'x', `--${canary}=1`], says: /The options of show are .*--json/ },
  { what: 'a missing argument', args: ['show'], says: /<task id> is missing[^]*show --help/ },
  { what: 'an empty argument', args: ['show', ' '], says: /<task id> is missing/ },
  { what: 'an owner that no caller has', args: ['forget', canary], says: /The owner must be a caller such as key:web/ },
  { what: 'such an owner of tasks', args: ['tasks', '--owner', canary], says: /The owner must be a caller/ },
  { what: 'such an owner of webhooks', args: ['webhooks', '--owner', canary], says: /The owner must be a caller/ },
  {
    what: 'such an owner of webhooks to replay',
    args: ['webhooks-replay', '--owner', canary, '--since', '1h'],
    says: /The owner must be a caller/,
  },
  { what: 'one argument too many', args: ['show', 'x', canary], says: /show takes at most 1 argument, not 2/ },
])('$what is refused with instructions, and is not repeated', async ({ args, says }) => {
  const { code, stdout, stderr, files } = await runProgram(program, args)
  expect({ code, stdout, files }).toEqual({ code: 1, stdout: '', files: [] })
  expect(stderr).toMatch(says)
  expect(stderr).not.toMatch(/\n\s+at /)
  expectNoCanary(stderr, 'the message')
})

test.each([
  { what: 'a missing file', url: 'file:nothing.db', says: /The file nothing\.db does not exist/ },
  { what: 'a database in memory', url: ':memory:', says: /in memory can be read by its gateway alone/ },
  { what: 'something else than a database', url: 'file:/proc/self/comm', says: /cannot be used/ },
  { what: 'no database URL', url: `mysql://${canary}`, says: /DATABASE_URL must be file:/ },
  {
    what: 'a server that is away',
    url: `postgres://me:${canary}@127.0.0.1:1/stems`,
    says: /postgres:\/\/me@127\.0\.0\.1:1\/stems cannot be used: .*ECONNREFUSED/,
  },
])('$what is refused with a message, and nothing is created', async ({ url, says }) => {
  const { code, stdout, stderr, files } = await runProgram(program, ['show', 'x'], { DATABASE_URL: url })
  expect({ code, stdout, files }).toEqual({ code: 1, stdout: '', files: [] })
  expect(stderr).toMatch(says)
  expect(stderr).not.toMatch(/\n\s+at /)
  expectNoCanary(stderr, 'the message')
})

test('a database that no gateway has used is not migrated', async () => {
  const url = await newDatabaseUrl()
  const path = url.slice('file:'.length)
  await writeFile(path, '')
  const { code, stderr } = await runProgram(program, ['show', 'x'], { DATABASE_URL: url })
  expect(code).toBe(1)
  expect(stderr).toMatch(/No gateway has used it/)
  expect((await stat(path)).size).toBeLessThan(8_192)
})

test('a task is found by its id, in any case, and by the id of the provider', async () => {
  const gateway = await startGateway({ SANDBOX_DELAY_MS: '60000' })
  const id = await order(gateway, { audioId: 'done' })
  const task = await adminJson(gateway, 'show', id)
  expect(task).toMatchObject({ id, owner: 'anonymous', provider: 'sandbox', status: 'PENDING', charge: 'CHARGED' })
  expect(await adminJson(gateway, 'show', ` ${id.toUpperCase()} `)).toMatchObject({ id })
  const { providerTaskId } = await storedTask(await openStoreOf(gateway), id)
  expect(await adminJson(gateway, 'show', String(providerTaskId))).toMatchObject({ id })
  const { code, stdout, stderr } = await runAdmin(gateway, 'show', `${id}x`)
  expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: 'There is no such task.\n' })
})

const helpOf = (name: string) => runProgram(program, [name, '--help'])
