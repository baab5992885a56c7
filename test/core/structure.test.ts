import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

interface Module {
  /** Relative to src, e.g. `http/server.ts`. */
  readonly path: string
  /** The folder below src, e.g. `http`; `main` for the files in src itself. */
  readonly part: string
  readonly text: string
  /** Our own modules that it imports, relative to src. */
  readonly own: readonly string[]
  /** The packages and built-in modules that it imports. */
  readonly foreign: readonly string[]
}

const src = fileURLToPath(new URL('../../src/', import.meta.url))
const modules = (await readdir(src, { recursive: true }))
  .filter((path) => /\.tsx?$/.test(path))
  .map(readModule)
  .toSorted((a, b) => (a.path < b.path ? -1 : 1))

function readModule(path: string): Module {
  const text = readFileSync(join(src, path), 'utf8')
  const named = [
    ...text.matchAll(
      /(?:^|[\s;])(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
    ),
  ]
  const specifiers = named.map(([, statically, dynamically]) => statically ?? dynamically ?? '')
  return {
    path,
    part: partOf(path),
    text,
    own: specifiers.filter((each) => each.startsWith('.')).map((each) => relative(src, join(src, dirname(path), each))),
    foreign: specifiers.filter((each) => !each.startsWith('.')),
  }
}

/** All files below a folder, without installed packages: the benchmark has some of its own. */
async function ownFilesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true })).filter((path) => !path.split('/').includes('node_modules'))
}

function partOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : 'main'
}

function modulesOf(part: string): readonly Module[] {
  const found = modules.filter((module) => module.part === part)
  if (found.length === 0) throw new Error(`There is no ${part}.`)
  return found
}

/** The packages that the modules import, by name; built-in modules as `node:`. */
function packagesOf(part: string): readonly string[] {
  const all = modulesOf(part).flatMap(({ foreign }) => foreign)
  const names = all.map((each) =>
    each.startsWith('node:')
      ? 'node:'
      : each
          .split('/')
          .slice(0, each.startsWith('@') ? 2 : 1)
          .join('/'),
  )
  return [...new Set(names)].toSorted()
}

test('the import scanner finds imports', () => {
  const transports = modules.find(({ path }) => path === 'wiring/wire-transports.ts')
  expect(transports?.own).toContain('graphql/execution/pipeline.ts')
  expect(modules.find(({ path }) => path === 'graphql/schema/schema.ts')?.own).toContain('graphql/schema/separate.ts')
  expect(modules.find(({ path }) => path === 'http/graphiql/graphiql-page.ts')?.foreign).toContain(
    '@graphql-yoga/render-graphiql',
  )
  const paths = new Set(modules.map(({ path }) => path))
  const known = (path: string) => paths.has(path) || path === typedOperations
  expect(modules.flatMap(({ own }) => own).filter((path) => !known(path))).toEqual([])
})

/** The typed operations for frontends, as seen from src. */
const typedOperations = '../schema/operations.ts'

/** The entry points for people and containers. */
const programs = ['main.ts', 'demo.ts', 'move-store/main.ts', 'backup/main.ts', 'admin/main.ts']

/** The folders that each folder may import besides itself. Only the wiring and the programs import every folder. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  separation: ['runtime'],
  limits: [],
  providers: ['runtime', 'separation'],
  addresses: [],
  stems: ['runtime', 'separation', 'addresses'],
  webhooks: ['runtime', 'separation', 'addresses'],
  stores: ['runtime', 'separation'],
  coordination: ['runtime', 'separation', 'providers'],
  graphql: ['runtime', 'separation', 'limits', 'stems'],
  identity: ['runtime', 'separation'],
  http: ['runtime', 'separation', 'limits', 'graphql', 'identity', 'stems'],
  // Records spans: what it is given is wrapped, and knows nothing of it.
  tracing: ['runtime', 'separation', 'webhooks'],
  config: ['runtime', 'separation', 'identity', 'stems', 'stores', 'tracing', 'webhooks'],
  // Implements what the parts that it observes report to.
  metrics: ['runtime', 'separation', 'limits', 'providers', 'stores', 'graphql', 'http', 'tracing'],
  sandbox: [],
  'move-store': ['runtime', 'separation', 'stores'],
  backup: ['runtime', 'stores'],
  admin: [
    'runtime',
    'separation',
    // For its prices.
    'sandbox',
    'config',
    'identity',
    'stores',
    'coordination',
    'stems',
    'check-config',
    'backup',
    'program',
    'webhooks',
  ],
  // Runs in browsers.
  web: [],
  launch: [],
  'check-config': [
    'runtime',
    'separation',
    'config',
    'stores',
    'coordination',
    'providers',
    'identity',
    'stems',
    'tracing',
    'webhooks',
  ],
  program: ['runtime', 'separation', 'config', 'identity', 'stems', 'stores'],
  wiring: [
    'runtime',
    'separation',
    'limits',
    'providers',
    'graphql',
    'identity',
    'http',
    'metrics',
    'config',
    'sandbox',
    'stems',
    'tracing',
    'webhooks',
  ],
  main: [
    'runtime',
    'separation',
    'limits',
    'stores',
    'coordination',
    'graphql',
    'identity',
    'http',
    'metrics',
    'config',
    'program',
    'check-config',
    'wiring',
    'webhooks',
  ],
}

test('src itself contains only the programs and the gateway', () => {
  expect(modulesOf('main').map(({ path }) => path)).toEqual(['app.ts', 'demo.ts', 'main.ts'])
})

test('every folder below src has an import rule', () => {
  expect([...new Set(modules.map(({ part }) => part))].toSorted()).toEqual(Object.keys(mayImport).toSorted())
})

describe.each(Object.entries(mayImport))('%s', (part, others) => {
  test(`imports ${others.length === 0 ? 'no other folder' : `only ${others.join(', ')}`}`, () => {
    const arrows = modulesOf(part).flatMap(({ path, own }) => own.map((target) => ({ path, target })))
    const forbidden = arrows.filter(
      ({ target }) =>
        partOf(target) !== part && !others.includes(partOf(target)) && !(part === 'web' && target === typedOperations),
    )
    expect(forbidden).toEqual([])
  })
})

test('the player page uses no built-in module and only libraries for browsers', () => {
  expect(packagesOf('web')).toEqual(['@graphql-typed-document-node/core', 'graphql', 'graphql-ws', 'preact'])
  const others = modules.filter(({ part }) => part !== 'web')
  expect(others.filter(({ own }) => own.some((path) => partOf(path) === 'web'))).toEqual([])
  expect(others.filter(({ foreign }) => foreign.some((name) => name.startsWith('preact')))).toEqual([])
})

test('the HTTP client of providers imports nothing of their API', () => {
  const arrows = modulesOf('providers').flatMap(({ path, own }) => own.map((target) => ({ path, target })))
  const isApi = (path: string) => path.startsWith('providers/') && !path.startsWith('providers/client/')
  expect(arrows.filter(({ path, target }) => !isApi(path) && isApi(target))).toEqual([])
  expect(arrows.some(({ path, target }) => isApi(path) && !isApi(target))).toBe(true)
})

test('the core imports no GraphQL, HTTP, SQL or provider module', () => {
  const allowed = ['@repeaterjs/repeater', 'dataloader', 'node:', 'rate-limiter-flexible', 'typeid-js', 'zod']
  expect(packagesOf('separation').filter((name) => !allowed.includes(name))).toEqual([])
  const builtIn = modulesOf('separation').flatMap(({ foreign }) => foreign.filter((name) => name.startsWith('node:')))
  expect(
    builtIn.filter((name) => /^node:(http|https|http2|net|tls|dgram|dns|fs|child_process|sqlite)\b/.test(name)),
  ).toEqual([])
})

test('each library is imported only by its own modules', () => {
  // The demo and the player page are clients of the gateway and use client libraries.
  const parts = modules.filter(({ path, part }) => path !== 'demo.ts' && part !== 'web')
  const placesOf = (name: RegExp) => [
    ...new Set(parts.filter(({ foreign }) => foreign.some((each) => name.test(each))).map(({ part }) => part)),
  ]
  expect(placesOf(/^@pothos|^graphql-yoga|^graphql-scalars|^@escape/)).toEqual(['graphql'])
  expect(placesOf(/^graphql$/).toSorted()).toEqual(['graphql', 'http'])
  expect(placesOf(/^(ws|graphql-ws)(\/|$)/)).toEqual(['http'])
  expect(placesOf(/^prom-client(\/|$)/)).toEqual(['metrics'])
  expect(placesOf(/^@opentelemetry/)).toEqual(['tracing'])
  expect(placesOf(/^dataloader/).toSorted()).toEqual(['graphql', 'separation', 'stores'])
  expect(placesOf(/^kysely|^pg$/).toSorted()).toEqual(['move-store', 'stores'])
  expect(placesOf(/^@photostructure/).toSorted()).toEqual(['backup', 'stores'])
  expect(placesOf(/^@redis/)).toEqual(['coordination'])
  expect(placesOf(/^jose$/)).toEqual(['identity'])
  expect(placesOf(/^s3mini$/)).toEqual(['stems'])
  expect(placesOf(/^mpg123-decoder$/)).toEqual(['stems'])
  expect(placesOf(/^ipaddr\.js$/)).toEqual(['addresses'])
  expect(placesOf(/^yazl$/)).toEqual(['stems'])
  expect(packagesOf('sandbox')).toEqual(['node:', 'undici'])
})

test('modules have no circular imports', () => {
  const imports = new Map(modules.map(({ path, own }) => [path, own]))
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) {
      circles.push([...way.slice(way.indexOf(path)), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const target of imports.get(path) ?? []) walk(target, [...way, path])
    done.add(path)
  }
  for (const { path } of modules) walk(path, [])
  expect(circles).toEqual([])
})

test('built-in modules are imported with the node: prefix', () => {
  const bare = modules.flatMap(({ path, foreign }) =>
    foreign.filter((name) => builtinModules.includes(name)).map((name) => `${path}: ${name}`),
  )
  expect(bare).toEqual([])
})

test('only the programs read the environment and end the process', () => {
  const reading = modules
    .filter(({ text }) => /\bprocess\.(env|exit|exitCode|argv|on)\b/.test(text))
    .map(({ path }) => path)
  expect(
    reading.filter((path) => ![...programs, 'program/serve.ts', 'program/handle-arguments.ts'].includes(path)),
  ).toEqual([])
  expect(reading).toContain('main.ts')
})

test('only the programs write to the console', () => {
  const writing = modules.filter(({ text }) => /\bconsole\./.test(text)).map(({ path }) => path)
  expect(
    writing.filter((path) => ![...programs, 'program/serve.ts', 'program/handle-arguments.ts'].includes(path)),
  ).toEqual([])
})

test('no code bypasses the type checker', async () => {
  const folder = fileURLToPath(new URL('..', import.meta.url))
  const tests = (await ownFilesIn(folder)).filter(
    (path) => path.endsWith('.ts') && path !== relative(folder, import.meta.filename),
  )
  expect(tests).toContain('support/gateway.ts')
  const files = [...modules, ...tests.map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }))]
  const tricks = /\bas any\b|:\s*any\b|<any>|\bas never\b|\bas unknown as\b|^\s*(export )?(const )?enum /m
  const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
  expect(files.filter(({ text }) => tricks.test(withoutComments(text))).map(({ path }) => path)).toEqual([])
  expect(files.filter(({ text }) => /@ts-(ignore|expect-error|nocheck)/.test(text)).map(({ path }) => path)).toEqual([])
})

test('every file has a descriptive name', () => {
  const nondescript = /^(utils?|helpers?|common|index|manager|base|impl|misc|types|constants|lib)\.tsx?$/
  const names = modules.map(({ path }) => path)
  expect(names.filter((path) => nondescript.test(basename(path)))).toEqual([])
  expect(names.filter((path) => !/^([a-z0-9-]+\/){0,2}[a-z0-9-]+\.tsx?$/.test(path))).toEqual([])
})

test('every file is a program or imported by another file', () => {
  const imported = new Set(modules.flatMap(({ own }) => own))
  const entries = [
    ...programs,
    'launch/launch.ts',
    'graphql/schema/print-schema.ts',
    'stems/peaks/peaks-worker.ts',
    'web/start.tsx',
  ]
  expect(modules.map(({ path }) => path).filter((path) => !imported.has(path) && !entries.includes(path))).toEqual([])
})

test('every cited document and heading exists', async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const folders = await Promise.all(
    ['src', 'test'].map(async (folder) => (await ownFilesIn(join(root, folder))).map((path) => join(folder, path))),
  )
  const comments = folders
    .flat()
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path, comment: commentsIn(readFileSync(join(root, path), 'utf8')) }))

  const documents = comments.flatMap(({ path, comment }) =>
    [...comment.matchAll(/[\w./-]*\w\.(?:md|txt)\b/g)].map(([name]) => ({ path, name })),
  )
  const headings = comments.flatMap(({ path, comment }) =>
    [...comment.matchAll(/\b([\w./-]+\.md), "([^"]+)"/g)].map(([, name = '', heading = '']) => ({
      path,
      name,
      heading,
    })),
  )
  expect(headings).toContainEqual(expect.objectContaining({ name: 'docs/providers.md', heading: "Kie's signature" }))
  expect(documents.filter(({ name }) => !existsSync(join(root, name)))).toEqual([])
  expect(headings.filter(({ name, heading }) => !headingsOf(join(root, name)).includes(heading))).toEqual([])
})

/** The text of all comments; a comment of several lines is joined into one. */
function commentsIn(text: string): string {
  const found = [...text.matchAll(/\/\*[\s\S]*?\*\/|(?<!\S)\/\/.*(?:\n\s*\/\/.*)*/g)].map(([comment]) => comment)
  return found.map((comment) => comment.replace(/\n\s*(?:\*|\/\/)/g, '').replace(/\s+/g, ' ')).join('\n')
}

function headingsOf(path: string): readonly string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
}
