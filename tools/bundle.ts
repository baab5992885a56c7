import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec'
import { build, type BuildOptions, type Plugin } from 'esbuild'
import { bundleWebFiles } from '../src/http/web/build-web-files.ts'
import { bundleName, codeCacheOf } from '../src/launch/launch.ts'
import { writeCodeCache } from './code-cache.ts'
import { noticesFile, sbomFile, writeSbom } from './sbom.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')
/** The paths of the programs below src, without `.ts`. */
const programs = ['main', 'demo', 'move-store/main', 'backup/main', 'admin/main']
/** Runs in a thread: a bundle of its own, so that the gateway does not load the decoder. */
const worker = 'stems/peaks/peaks-worker.ts'

/** SQLite's driver finds its native part beside itself. */
const external = ['@photostructure/sqlite']

/**
 * The parts of packages that are used, or what is used in their place. The rest would be loaded at every start, because esbuild cannot leave out parts of a
 * CommonJS package. A build fails if a program imports another name.
 */
const usedParts: Readonly<Record<string, string>> = {
  undici: `
    import api from 'undici/lib/api/index.js'
    import Dispatcher from 'undici/lib/dispatcher/dispatcher.js'
    export { default as Agent } from 'undici/lib/dispatcher/agent.js'
    export { default as Client } from 'undici/lib/dispatcher/client.js'
    export { default as buildConnector } from 'undici/lib/core/connect.js'
    Object.assign(Dispatcher.prototype, api)`,
  'rate-limiter-flexible': `
    export { default as RateLimiterMemory } from 'rate-limiter-flexible/lib/RateLimiterMemory.js'
    export { default as RateLimiterRes } from 'rate-limiter-flexible/lib/RateLimiterRes.js'`,
  // yazl's checksum in JavaScript takes most of the time of a zip; Node's takes a sixth of it.
  'buffer-crc32': `
    import { crc32 } from 'node:zlib'
    export const unsigned = crc32`,
  // Without this, a second copy of the parser is bundled, in CommonJS.
  'graphql/language/parser': `export * from 'graphql/language/parser.mjs'`,
}

const graphiqlFile = 'graphiql.json.gz'
const webFile = 'web.json.gz'

interface SourceMap {
  readonly sources: readonly string[]
  readonly mappings: string
}

/**
 * Bundles the programs and the packages that they use into one file in `outdir`, with a file for each program that launches
 * it. A program is evaluated when it is launched, and what it loads only when it is needed, then. Does not check types.
 * @param more modules to bundle besides, into files of their own and shared chunks
 */
export async function bundlePrograms(outdir: string, more: readonly string[] = []): Promise<void> {
  for (const name of programs) await mkdir(dirname(join(outdir, name)), { recursive: true })
  const outfile = join(outdir, bundleName)
  // V8 tells bundles apart by their length alone.
  await rm(codeCacheOf(outfile), { force: true })
  const webSources: string[] = []
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    external,
    sourcemap: true,
    sourcesContent: false,
    minifySyntax: true,
    minifyWhitespace: true,
    // Modules can be bundled without the parts that are not used, CommonJS cannot.
    mainFields: ['module', 'main'],
    metafile: true,
    plugins: [onlyUsedParts(), compressedGraphiql(outdir), builtWebFiles(outdir, webSources), bundledWorker()],
    logLevel: 'error',
  } satisfies BuildOptions
  // Yoga compares it with its own, which it always uses. Reading it would load all of fetch.
  const define = { 'globalThis.Request': 'undefined' }
  const all = await build({
    ...common,
    stdin: { contents: launchOneOf(programs), resolveDir: src, sourcefile: 'programs.js' },
    outfile,
    format: 'cjs',
    // A script cannot import: what packages import of Node.js only when they need it is required then.
    supported: { 'dynamic-import': false },
    define: { ...define, 'import.meta.url': 'bundleUrl' },
    // A function, because a script has no `require` of its own. `launch` calls it.
    banner: {
      js: "(function (program, require, __filename) { const bundleUrl = require('node:url').pathToFileURL(__filename).href;",
    },
    footer: { js: '})' },
  })
  const rest = await build({
    ...common,
    entryPoints: [
      { in: join(src, 'launch/launch.ts'), out: 'launch' },
      ...[join(src, worker), ...more].map((path) => ({ in: path, out: entryNameOf(path) })),
    ],
    outdir,
    splitting: true,
    format: 'esm',
    define,
    // Packages of CommonJS call it.
    banner: {
      js: "import { createRequire as requireIn } from 'node:module'\nconst require = requireIn(import.meta.url)",
    },
  })
  const outputs = { ...all.metafile.outputs, ...rest.metafile.outputs }
  const written = Object.keys(outputs).map((path) => relative(outdir, join(root, path)))
  const maps = written.filter((path) => path.endsWith('.map'))
  await Promise.all(maps.map((path) => keepOwnSources(join(outdir, path))))
  const launchers = programs.map((name) => `${name}.js`)
  for (const name of programs) await writeFile(join(outdir, `${name}.js`), launcherOf(name))
  await removeOthers(outdir, new Set([...written, ...launchers, graphiqlFile, webFile, sbomFile, noticesFile]))
  await writeCodeCache(outfile)
  const used = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs))
  const besides = [...external, 'node-gyp-build'].map((name) => `node_modules/${name}/package.json`)
  await writeSbom(outdir, [...[...used, ...besides].map((path) => join(root, path)), ...webSources])
}

/** The module that evaluates the program whose name is in `program`. */
function launchOneOf(names: readonly string[]): string {
  const cases = names.map((name) => `case '${name}': import('./${name}.ts'); break`)
  return `switch (program) { ${cases.join('; ')} }`
}

function launcherOf(name: string): string {
  const toRoot = name.includes('/') ? '../' : './'
  return `import { launch } from '${toRoot}launch.js'\nlaunch('${name}')\n`
}

function entryNameOf(path: string): string {
  const name = path.startsWith(src) ? relative(src, path) : (path.split('/').at(-1) ?? path)
  return name.replace(/\.ts$/, '')
}

/** Removes the files of earlier builds. */
async function removeOthers(outdir: string, kept: ReadonlySet<string>): Promise<void> {
  const files = await readdir(outdir, { recursive: true, withFileTypes: true })
  for (const file of files) {
    const path = join(file.parentPath, file.name)
    if (file.isFile() && !kept.has(relative(outdir, path))) await rm(path)
  }
}

/** Bundles `usedParts` in place of the packages. */
function onlyUsedParts(): Plugin {
  return {
    name: 'only-used-parts',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[a-z]/ }, ({ path }) => (path in usedParts ? { path, namespace: 'used-parts' } : null))
      onLoad({ filter: /./, namespace: 'used-parts' }, ({ path }) => ({
        contents: usedParts[path] ?? '',
        resolveDir: root,
      }))
    },
  }
}

/** Keeps the 9 MB of GraphiQL compressed in a file, which is read when somebody opens the page. */
function compressedGraphiql(outdir: string): Plugin {
  return {
    name: 'compressed-graphiql',
    setup({ onLoad }) {
      onLoad({ filter: /render-graphiql\/esm\/graphiql\.js$/ }, async ({ path }) => {
        const texts: Record<string, unknown> = { ...(await import(pathToFileURL(path).href)) }
        const names = Object.keys(texts).filter((name) => name !== 'default')
        const json = JSON.stringify(Object.fromEntries(names.map((name) => [name, texts[name]])))
        await writeFile(join(outdir, graphiqlFile), await promisify(gzip)(json, { level: 9 }))
        return {
          contents:
            "import { readFileSync } from 'node:fs'\nimport { gunzipSync } from 'node:zlib'\n" +
            `const file = new URL('./${graphiqlFile}', import.meta.url)\n` +
            `export const { ${names.join(', ')} } = JSON.parse(gunzipSync(readFileSync(file)).toString())\n`,
        }
      })
    },
  }
}

/** Makes the programs start the worker's bundle. They and their chunks are beside its folder. */
function bundledWorker(): Plugin {
  const path = `./${worker.replace(/\.ts$/, '.js')}`
  return {
    name: 'bundled-worker',
    setup({ onLoad }) {
      onLoad({ filter: /stems\/peaks\/start-worker\.ts$/ }, () => ({
        contents:
          "import { Worker } from 'node:worker_threads'\n" +
          `export const startPeaksWorker = (options) => new Worker(new URL('${path}', import.meta.url), options)\n`,
      }))
    },
  }
}

/** Bundles the player page into a file, which is read when somebody opens the page, and adds the sources of the page to `sources`. */
function builtWebFiles(outdir: string, sources: string[]): Plugin {
  return {
    name: 'built-web-files',
    setup({ onLoad }) {
      onLoad({ filter: /\/http\/web\/load-web-files\.ts$/ }, async () => {
        const web = await bundleWebFiles()
        sources.push(...web.sources)
        const json = JSON.stringify(web.files)
        await writeFile(join(outdir, webFile), await promisify(gzip)(json, { level: 9 }))
        return {
          contents:
            "import { readFile } from 'node:fs/promises'\nimport { gunzipSync } from 'node:zlib'\n" +
            `const file = new URL('./${webFile}', import.meta.url)\n` +
            'export const loadWebFiles = async () => JSON.parse(gunzipSync(await readFile(file)).toString())\n',
        }
      })
    },
  }
}

/** Removes the packages from a source map: Node parses the map at the first error, and stops the event loop for that long. */
async function keepOwnSources(path: string): Promise<void> {
  const map: SourceMap = JSON.parse(await readFile(path, 'utf8'))
  const isOwn = map.sources.map((source) => !source.includes('node_modules/'))
  const lines = decode(map.mappings).map((segments) => {
    const kept: SourceMapSegment[] = []
    for (const segment of segments) {
      const [column, source] = segment
      const isOfPackage = source !== undefined && isOwn[source] !== true
      // A segment without a source ends the one before it.
      if (!isOfPackage) kept.push(segment)
      else if ((kept.at(-1)?.length ?? 1) > 1) kept.push([column])
    }
    return kept
  })
  await writeFile(path, JSON.stringify({ ...map, mappings: encode(lines) }))
}
