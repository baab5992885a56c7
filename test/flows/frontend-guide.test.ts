import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { ApolloClient } from '@apollo/client'
import { gql, setLogVerbosity } from '@apollo/client'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import type { SeparateInput, SeparationFieldsFragment } from '../../schema/operations.ts'
import { newTaskId } from '../../src/separation/task-id.ts'
import { startGuarded, twoCallers, webKey } from '../support/callers.ts'
import { startGateway } from '../support/gateway.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
const guide = await readFile(join(project, 'docs/frontend.md'), 'utf8')

/** The code of the guide, by the file name in the first line of each block. */
const blocks = new Map(
  [...guide.matchAll(/^```ts\n\/\/ (\S+)\n([^]*?)^```$/gm)].map(([, file = '', code = '']) => [file, code]),
)

/** The exports of the guide's code. */
interface Guide {
  createStemgateClient(url: string, token?: string): ApolloClient
  order(client: ApolloClient, input: SeparateInput): Promise<SeparationFieldsFragment>
  watch(
    client: ApolloClient,
    taskId: string,
    show: (task: SeparationFieldsFragment) => void,
  ): Promise<SeparationFieldsFragment | null>
  read(client: ApolloClient, taskId: string): Promise<SeparationFieldsFragment | null>
  separateTrack(
    client: ApolloClient,
    input: SeparateInput,
    show: (task: SeparationFieldsFragment) => void,
  ): Promise<Record<string, string>>
  errorCode(error: unknown): string | undefined
}

/** A frontend project with the files that the guide has the reader copy, and the guide's code, optionally with one text replaced. */
async function writeProject(from = '', to = ''): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'stemgate-guide-'))
  await mkdir(join(folder, 'src'))
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  for (const file of ['operations.ts', 'possible-types.json']) {
    await copyFile(join(project, 'schema', file), join(folder, 'src', file))
  }
  for (const [file, code] of blocks) await writeFile(join(folder, 'src', file), code.replace(from, to))
  return folder
}

/** The settings of a bundler's template. */
const tsconfig = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'dom'],
    module: 'esnext',
    moduleResolution: 'bundler',
    resolveJsonModule: true,
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    types: [],
    noEmit: true,
  },
  include: ['src'],
}

async function importGuide(folder: string): Promise<Guide> {
  const modules: object[] = []
  for (const file of blocks.keys()) modules.push(await import(pathToFileURL(join(folder, 'src', file)).href))
  return isGuide.parse(Object.assign({}, ...modules))
}

const isGuide = z.custom<Guide>(
  (value) => z.object({ createStemgateClient: z.function() }).loose().safeParse(value).success,
)

test('the code of the guide compiles', async () => {
  expect([...blocks.keys()]).toEqual([
    'client.ts',
    'separations.ts',
    'separate-track.ts',
    'dashboard.ts',
    'error-code.ts',
  ])
  const folder = await writeProject()
  onTestFinished(() => rm(folder, { recursive: true }))
  const tsc = join(project, 'node_modules/typescript/bin/tsc')
  const report = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
  expect(report).toBe('')
})

describe.each([
  { cache: 'with possibleTypes, as the guide shows it', from: '', to: '' },
  { cache: 'with the default cache', from: 'new InMemoryCache({ possibleTypes })', to: 'new InMemoryCache()' },
])('Apollo Client $cache', ({ from, to }) => {
  let folder = ''
  let code: Guide

  beforeAll(async () => {
    if (!guide.includes(from)) throw new Error(`The guide does not contain ${from}.`)
    folder = await writeProject(from, to)
    code = await importGuide(folder)
    // Without the possible types, Apollo warns about every fragment that does not match.
    if (to !== '') setLogVerbosity('error')
    // Browsers have WebSocket; Node has it from version 22 on.
    vi.stubGlobal('WebSocket', WebSocket)
  })
  afterAll(async () => {
    vi.unstubAllGlobals()
    setLogVerbosity('log')
    await rm(folder, { recursive: true })
  })

  function clientOf(url: string, token?: string): ApolloClient {
    const client = code.createStemgateClient(`${url}/graphql`, token)
    onTestFinished(() => client.stop())
    return client
  }

  test.each(['SEPARATE_VOCAL', 'SPLIT_STEM'] as const)(
    'orders a track, watches the task and shows the stems of %s',
    async (type) => {
      const { url } = await startGateway()
      const client = clientOf(url)
      const shown: SeparationFieldsFragment[] = []
      const input = { musicTaskId: 'my-music', audioId: 'done', type, idempotencyKey: 'once' }
      const urls = await code.separateTrack(client, input, (task) => shown.push(task))
      expect(Object.keys(urls)).toHaveLength(type === 'SPLIT_STEM' ? 13 : 2)
      expect(urls['VOCAL']).toMatch(/^http.*\.wav$/)
      const last = shown.at(-1)
      expect(last).toMatchObject({ status: 'SUCCESS', settled: true, stems: { missing: [] } })
      expect(await code.read(client, last?.id ?? '')).toEqual(last)
      // Order again, as after a page reload: the same task.
      expect((await code.order(client, input)).allStems).toEqual(last?.allStems)
    },
  )

  test.each([
    { audioId: 'no-credits', message: /credits/ },
    { audioId: 'maintenance', message: /maintenance/ },
    { audioId: 'rate-limited', message: /\w/ },
    { audioId: 'no-such-track', message: /\w/ },
    { audioId: '', message: /\w/ },
  ])('shows why an order is not taken ($audioId)', async ({ audioId, message }) => {
    const { url } = await startGateway()
    const error: unknown = await code
      .order(clientOf(url), { musicTaskId: 'my-music', audioId })
      .catch((e: unknown) => e)
    expect(error).toMatchObject({ message: expect.stringMatching(message) })
  })

  test('shows why a separation failed', async () => {
    const { url } = await startGateway()
    const input = { musicTaskId: 'my-music', audioId: 'failed-generation' }
    await expect(code.separateTrack(clientOf(url), input, () => {})).rejects.toThrow(/\w/)
  })

  test('reports an unknown id as null without an error', async () => {
    const { url } = await startGateway()
    const client = clientOf(url)
    const shown: SeparationFieldsFragment[] = []
    for (const taskId of [newTaskId(), 'never-heard-of']) {
      expect(await code.watch(client, taskId, (task) => shown.push(task))).toBeNull()
      expect(await code.read(client, taskId)).toBeNull()
    }
    expect(shown).toEqual([])
  })

  test('reports the code of an error', async () => {
    const { url } = await startGuarded(twoCallers)
    const errorOf = (token?: string) => code.read(clientOf(url, token), newTaskId()).catch((error: unknown) => error)
    expect(code.errorCode(await errorOf('not-a-key-of-anybody'))).toBe('UNAUTHENTICATED')
    expect(await errorOf(webKey)).toBeNull()
    const tooMany = gql`
      {
        separations(first: 1000000) {
          edges {
            cursor
          }
        }
      }
    `
    const error: unknown = await clientOf(url, webKey)
      .query({ query: tooMany })
      .catch((thrown: unknown) => thrown)
    expect(code.errorCode(error)).toBe('BAD_USER_INPUT')
    expect(code.errorCode(new Error('no answer'))).toBeUndefined()
  })

  test('resolves a fragment on an interface only if it knows the possible types', async () => {
    const { url } = await startGateway()
    const client = clientOf(url)
    const { id } = await code.order(client, { musicTaskId: 'my-music', audioId: 'done' })
    await code.watch(client, id, () => {})
    const { data } = await client.query<{ separation: { stems: { all?: unknown[] } } }>({
      query: gql`
        query ($id: ID!) {
          separation(taskId: $id) {
            id
            stems {
              ... on StemSet {
                all {
                  id
                }
              }
            }
          }
        }
      `,
      variables: { id },
    })
    expect(data?.separation.stems.all?.length).toBe(to === '' ? 2 : undefined)
  })
})
