import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { ApolloClient } from '@apollo/client'
import { gql, setLogVerbosity } from '@apollo/client'
import { isAbstractType } from 'graphql'
import { createServer as createViteServer, loadConfigFromFile, type ProxyOptions } from 'vite'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import type { SeparateInput, SeparationFieldsFragment } from '../../schema/operations.ts'
import { createSchema } from '../../src/graphql/schema/schema.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { mobileKey, startGuarded, twoCallers, webKey } from '../support/callers.ts'
import { startGateway } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { webSocketUrl } from '../support/transports.ts'

const project = fileURLToPath(new URL('../../', import.meta.url))
const guide = await readFile(join(project, 'docs/frontend.md'), 'utf8')

/** The code of the guide, by the file name in the first line of each block. */
const everyBlock = [...guide.matchAll(/^```ts\n\/\/ (\S+)\n([^]*?)^```$/gm)].map(
  ([, file = '', code = '']) => [file, code] as const,
)
const blocks = new Map(everyBlock.filter(([file]) => !file.endsWith('.config.ts')))
/** The settings of dev servers. */
const configs = new Map(everyBlock.filter(([file]) => file.endsWith('.config.ts')))

/** The exports of the guide's code. */
interface Guide {
  createStemgateClient(url: string, readToken?: () => string | Promise<string>): ApolloClient
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
  keepStems(task: SeparationFieldsFragment, keep: (name: string, file: Blob) => Promise<void>): Promise<void>
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
    'package.ts',
    'client.ts',
    'separations.ts',
    'separate-track.ts',
    'keep-stems.ts',
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

test('the tables of types name every type of a union or an interface, and no other', () => {
  const schema = createSchema()
  const typesOf = (name: string) => {
    const type = schema.getType(name)
    if (!isAbstractType(type)) throw new Error(`${name} is no union and no interface.`)
    return schema.getPossibleTypes(type).map((each) => each.name)
  }
  const section = guide.slice(guide.indexOf('## When an order is refused'), guide.indexOf('## GraphQL errors'))
  const tables = section.split('| `__typename`').slice(1)
  const [results, others] = tables.map((table) =>
    [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) +\|/gm)].flatMap(([, names = '']) => names.match(/\w+/g) ?? []),
  )
  expect(results?.toSorted()).toEqual(typesOf('SeparateResult').toSorted())
  expect(results?.toSorted()).toEqual([...typesOf('SeparateError'), 'SeparateSuccess'].toSorted())
  expect(others?.toSorted()).toEqual([...typesOf('Stems'), ...typesOf('Node')].toSorted())
  const covered = new Set(['SeparateResult', 'SeparateError', 'Stems', 'StemSet', 'Node'])
  const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType)
  expect(abstract.map(({ name }) => name).filter((name) => !name.startsWith('__') && !covered.has(name))).toEqual([])
})

describe('the settings of a dev server', () => {
  /** The proxy settings in Vite's form, for a gateway at this address. */
  async function readProxy(file: string, gateway: string): Promise<Record<string, ProxyOptions>> {
    const folder = await mkdtemp(join(await realpath(tmpdir()), 'stemgate-dev-server-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
    const code = configs.get(file) ?? ''
    expect(code).toContain('http://127.0.0.1:4000')
    await writeFile(join(folder, file), code.replace('http://127.0.0.1:4000', gateway))
    const loaded = await loadConfigFromFile({ command: 'serve', mode: 'development' }, join(folder, file), folder)
    return proxyOf.parse(loaded?.config)
  }

  /** Webpack's dev server hands the same options to the same kind of proxy. */
  const options = z.object({ target: z.string(), ws: z.boolean() }).strict()
  const proxyOf = z.union([
    z.object({ server: z.object({ proxy: z.record(z.string(), options) }) }).transform(({ server }) => server.proxy),
    z
      .object({ devServer: z.object({ proxy: z.array(options.extend({ context: z.array(z.string()) })) }) })
      .transform(({ devServer }) =>
        Object.fromEntries(
          devServer.proxy.flatMap(({ context, ...rest }) => context.map((path) => [path, rest] as const)),
        ),
      ),
  ])

  async function startDevServer(proxy: Record<string, ProxyOptions>): Promise<string> {
    const root = await mkdtemp(join(await realpath(tmpdir()), 'stemgate-dev-server-'))
    const server = await createViteServer({
      configFile: false,
      root,
      logLevel: 'silent',
      server: { port: 0, host: '127.0.0.1', hmr: false, watch: null, proxy },
    })
    onTestFinished(async () => {
      await server.close()
      await rm(root, { recursive: true })
    })
    await server.listen()
    return new URL(server.resolvedUrls?.local[0] ?? '').origin
  }

  /** What a socket of a page of this origin receives first, or the error. */
  function openSocketOf(origin: string): Promise<string> {
    const socket = new WebSocket(webSocketUrl(origin), 'graphql-transport-ws', { headers: { origin } })
    onTestFinished(() => socket.terminate())
    socket.on('open', () => socket.send('{"type":"connection_init"}'))
    return new Promise((resolve) => {
      socket.on('message', (data: Buffer) => resolve(data.toString()))
      socket.on('error', ({ message }) => resolve(message))
    })
  }

  test.each(['vite.config.ts', 'webpack.config.ts'])(
    'pass operations, events and sockets of a page on (%s)',
    async (file) => {
      const gateway = await startGateway()
      const proxy = await readProxy(file, gateway.url)
      const origin = await startDevServer(proxy)
      const send = async (query: string, accept: string) => {
        const headers = { 'content-type': 'application/json', accept, origin }
        const response = await fetch(`${origin}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })
        return response.text()
      }
      expect(await send('{ __typename }', 'application/json')).toBe('{"data":{"__typename":"Query"}}')
      const unknown = `subscription { separationUpdated(taskId: "${newTaskId()}") { id } }`
      expect(await send(unknown, 'text/event-stream')).toContain('{"data":{"separationUpdated":null}}')
      expect(await openSocketOf(origin)).toBe('{"type":"connection_ack"}')

      const changed = Object.entries(proxy).map(([path, each]) => [path, { ...each, changeOrigin: true }] as const)
      expect(await openSocketOf(await startDevServer(Object.fromEntries(changed)))).toMatch(/403/)
    },
  )
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
    const client = code.createStemgateClient(`${url}/graphql`, token === undefined ? undefined : () => token)
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
      const kept = new Map<string, number>()
      if (last !== undefined) await code.keepStems(last, async (name, { size }) => void kept.set(name, size))
      expect([...kept.keys()]).toEqual(last?.allStems.map(({ part }) => `${last.id}/${part}`))
      expect(Math.min(...kept.values())).toBeGreaterThan(1_000)
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

  test('says which stem cannot be kept', async () => {
    const { url } = await startGateway()
    const client = clientOf(url)
    const shown: SeparationFieldsFragment[] = []
    await code.separateTrack(client, { musicTaskId: 'my-music', audioId: 'expired' }, (task) => shown.push(task))
    const [last] = shown.slice(-1)
    if (last === undefined) throw new Error('Nothing was shown.')
    await expect(code.keepStems(last, async () => {})).rejects.toThrow('VOCAL cannot be read: 404.')
  })

  test('goes on watching with a new token when the old one ends', async () => {
    const provider = await startPlayedProvider()
    const file = join(folder, 'keys')
    await writeFile(file, `web:${webKey}\n`)
    const { url } = await startGuarded({ ...provider.environment, API_KEYS_FILE: file })
    let token = webKey
    const client = code.createStemgateClient(`${url}/graphql`, async () => token)
    onTestFinished(() => client.stop())
    const { id } = await code.order(client, { musicTaskId: 'my-music', audioId: 'audio-1' })
    const { body } = await provider.order(0)
    const shown: string[] = []
    const watched = code.watch(client, id, ({ status }) => shown.push(status))
    await expect.poll(() => shown).toEqual(['PENDING'])
    token = mobileKey
    await writeFile(`${file}.new`, `web:${mobileKey}\n`)
    await rename(`${file}.new`, file)
    // The new socket shows the task as it is.
    await expect.poll(() => shown, { timeout: 20_000 }).toEqual(['PENDING', 'PENDING'])
    provider.answerRead(recordOfSuccess('provider-task-1'))
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
    expect(await watched).toMatchObject({ id, status: 'SUCCESS' })
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
