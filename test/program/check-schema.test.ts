import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { checkSchema, type SchemaCheck } from '../../tools/schema/check-schema.ts'

const run = promisify(execFile)

const schema = `
type Query {
  task(id: ID!, limit: Int = 10): Task
}

type Task {
  id: ID!
  name: String @deprecated(reason: "Since 2020-01-15: use \`title\` instead.")
  nick: String @deprecated(reason: "Since 2026-11-01: use \`title\` instead.")
  owner: Owner @deprecated(reason: "Since 2020-01-15: nobody owns a task.")
  state: State!
  result: Result
}

type Owner {
  id: ID!
}

"How far a task is." enum State {
  OPEN
  CLOSED
}

union Result = Done | Failed

type Done {
  at: String
}

type Failed {
  why: String
}
`
const operations = {
  'task.graphql': 'query Task { task(id: 1) { id ...Fields } }',
  'fields.graphql': 'fragment Fields on Task { state }',
}

/** The day on which the schema is checked. */
const today = '2026-11-30'

/** A repository whose release v1.0.0 has the schema above. */
async function startRepository(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-schema-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await write(folder, 'schema/schema.graphql', schema)
  await write(folder, 'schema/accepted-changes.json', '{}')
  for (const [name, text] of Object.entries(operations)) await write(folder, `schema/operations/${name}`, text)
  await run('git', ['init', '-q'], { cwd: folder })
  await release(folder, 'v1.0.0')
  return folder
}

/** Commits everything and tags it. */
async function release(folder: string, tag: string): Promise<void> {
  const day = '2026-11-20T12:00:00Z'
  const ownSettings = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }
  const env = { ...process.env, ...ownSettings, GIT_AUTHOR_DATE: day, GIT_COMMITTER_DATE: day }
  const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com']
  await run('git', ['add', '.'], { cwd: folder, env })
  await run('git', [...author, 'commit', '-qm', tag], { cwd: folder, env })
  await run('git', ['tag', tag], { cwd: folder, env })
}

async function write(folder: string, file: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true })
  await writeFile(join(folder, file), text)
}

/** Checks a schema that differs from the release. */
async function checkChanged(...changes: readonly (readonly [from: string, to: string])[]): Promise<SchemaCheck> {
  const folder = await startRepository()
  await write(folder, 'schema/schema.graphql', changed(changes))
  return checkSchema(folder, today)
}

function changed(changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`The schema does not contain ${from}.`)
    return text.replace(from, to)
  }, schema)
}

const nameLine = '  name: String @deprecated(reason: "Since 2020-01-15: use `title` instead.")\n'
const nickLine = '  nick: String @deprecated(reason: "Since 2026-11-01: use `title` instead.")\n'
const ownerLine = '  owner: Owner @deprecated(reason: "Since 2020-01-15: nobody owns a task.")\n'

test('an unchanged schema passes, and the check says what may be removed when', async () => {
  const { mistakes, notes } = await checkChanged()
  expect(mistakes).toEqual([])
  expect(notes).toContain('Compared with v1.0.0.')
  expect(notes).toContain('Task.nick is deprecated since 2026-11-01 and may be removed from 2027-05-01.')
})

test('additions pass, and the check names those that clients need a default branch for', async () => {
  const { mistakes, notes } = await checkChanged(
    ['  state: State!', '  state: State!\n  title: String'],
    ['  CLOSED', '  CLOSED\n  PAUSED'],
    ['Done | Failed', 'Done | Failed | Late'],
    ['type Failed {', 'type Late {\n  by: Int\n}\n\ntype Failed {'],
  )
  expect(mistakes).toEqual([])
  expect(notes.filter((note) => note.startsWith('Clients must expect'))).toEqual([
    'Clients must expect: PAUSED was added to enum type State.',
    'Clients must expect: Late was added to union type Result.',
  ])
})

test.each([
  { what: 'a removed field', from: '  result: Result\n', to: '', mistake: 'Task.result was removed.' },
  { what: 'a removed enum value', from: '  CLOSED\n', to: '', mistake: 'CLOSED was removed from enum type State.' },
  { what: 'a removed union member', from: ' | Failed', to: '', mistake: 'Failed was removed from union type Result.' },
  {
    what: 'a new required argument',
    from: '(id: ID!',
    to: '(key: ID!, id: ID!',
    mistake: 'A required arg key on Query.task was added.',
  },
  {
    what: 'a changed default',
    from: '= 10',
    to: '= 20',
    mistake: 'Query.task arg limit has changed defaultValue from 10 to 20.',
  },
  {
    what: 'a field that may now be null',
    from: 'State!',
    to: 'State',
    mistake: 'Task.state changed type from State! to State.',
  },
  { what: 'a field deprecated for too short a time', from: nickLine, to: '', mistake: 'Task.nick was removed.' },
])('$what breaks clients', async ({ from, to, mistake }) => {
  expect((await checkChanged([from, to])).mistakes).toContain(mistake)
})

test('what was deprecated for six months may be removed, with the type that only it led to', async () => {
  const owner = 'type Owner {\n  id: ID!\n}\n'
  expect((await checkChanged([nameLine, ''], [ownerLine, ''], [owner, ''])).mistakes).toEqual([])
})

test('an operation of the release that no longer works breaks clients, even if its field could be removed', async () => {
  const folder = await startRepository()
  const text = 'query Name { task(id: 1) { name } }'
  await write(folder, 'schema/operations/name.graphql', text)
  await release(folder, 'v1.1.0')
  await write(folder, 'schema/schema.graphql', changed([[nameLine, '']]))
  await rm(join(folder, 'schema/operations/name.graphql'))
  expect((await checkSchema(folder, today)).mistakes).toEqual([
    'schema/operations/name.graphql: Cannot query field "name" on type "Task".',
  ])
})

test('a breaking change passes once it is listed for this release with a reason', async () => {
  const folder = await startRepository()
  await write(folder, 'schema/schema.graphql', changed([['  result: Result\n', '']]))
  const accept = async (tag: string, change: string, reason: string) => {
    await write(folder, 'schema/accepted-changes.json', JSON.stringify({ [tag]: { [change]: reason } }))
    return checkSchema(folder, today)
  }
  const { mistakes, notes } = await accept('v1.0.0', 'Task.result was removed.', 'It was never filled.')
  expect(mistakes).toEqual([])
  expect(notes).toContain('Accepted: Task.result was removed. It was never filled.')
  expect((await accept('v0.9.0', 'Task.result was removed.', 'It was never filled.')).mistakes).toEqual([
    'Task.result was removed.',
  ])
  expect((await accept('v1.0.0', 'Task.results was removed.', 'It was never filled.')).mistakes).toEqual([
    'Task.result was removed.',
    'schema/accepted-changes.json lists "Task.results was removed.", which is not a breaking change since v1.0.0.',
  ])
  await expect(accept('v1.0.0', 'Task.result was removed.', '')).rejects.toThrow(/too_small/)
})

test('a deprecation names the day since when, and not one before clients could know', async () => {
  const deprecate = (field: string, reason: string) =>
    [`  ${field}`, `  ${field} @deprecated(reason: "${reason}")`] as const
  const { mistakes } = await checkChanged(
    deprecate('result: Result', 'Use `state`.'),
    deprecate('at: String', 'Since 2026-13-01: use `state`.'),
    deprecate('why: String', 'Since 2020-01-15: use `state`.'),
    deprecate('OPEN', 'Since 2026-11-30: use CLOSED.'),
    ['Since 2026-11-01', 'Since 2026-01-01'],
  )
  expect(mistakes).toEqual([
    'Task.result is deprecated with the reason "Use `state`.". Write "Since <day>: <what to use instead>".',
    'Done.at is deprecated with the reason "Since 2026-13-01: use `state`.". Write "Since <day>: <what to use instead>".',
    'Task.nick is deprecated since 2026-01-01, but clients cannot have known before 2026-11-01.',
    'Failed.why is deprecated since 2020-01-15, but clients cannot have known before 2026-11-20.',
  ])
})

test('without an earlier release the check says so and passes', async () => {
  const folder = await startRepository()
  await run('git', ['tag', '-d', 'v1.0.0'], { cwd: folder })
  const missing = 'The schema is not compared: this clone has no tag v* before the commit that is checked out.'
  expect(await checkSchema(folder, today)).toEqual({ mistakes: [], notes: [missing] })
})

test('the program prints what breaks clients, and fails', async () => {
  const folder = await startRepository()
  await write(folder, 'schema/schema.graphql', changed([['  result: Result\n', '']]))
  const tool = fileURLToPath(new URL('../../tools/check-schema.ts', import.meta.url))
  const program = run(process.execPath, ['--import', import.meta.resolve('tsx'), tool], { cwd: folder })
  const failure: unknown = await program.catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 1, stdout: expect.stringContaining('Compared with v1.0.0.') })
  expect(failure).toMatchObject({ stderr: expect.stringContaining('  - Task.result was removed.\n') })
})
