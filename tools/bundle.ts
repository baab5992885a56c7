import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec'
import { build, type Plugin } from 'esbuild'
import { buildWebFiles } from '../src/http/web/build-web-files.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')
/** Runs in a thread: a bundle of its own, so that the gateway does not load the decoder. */
const worker = 'stems/peaks/peaks-worker.ts'
const programs = ['main.ts', 'demo.ts', 'move-store/main.ts', 'backup/main.ts', worker].map((name) => join(src, name))

/** SQLite's driver finds its native part beside itself. */
const external = ['@photostructure/sqlite']
const graphiqlFile = 'graphiql.json.gz'
const webFile = 'web.json.gz'

interface SourceMap {
  readonly sources: readonly string[]
  readonly mappings: string
}

/**
 * Bundles the programs and the packages that they use into `outdir`: a file for each program, and shared chunks. What is
 * loaded only when it is needed stays in chunks of its own. Does not check types.
 * @param more entry points besides the programs
 */
export async function bundlePrograms(outdir: string, more: readonly string[] = []): Promise<void> {
  await mkdir(outdir, { recursive: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...programs, ...more].map((path) => ({ in: path, out: entryNameOf(path) })),
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external,
    sourcemap: true,
    sourcesContent: false,
    minifySyntax: true,
    minifyWhitespace: true,
    metafile: true,
    plugins: [compressedGraphiql(outdir), builtWebFiles(outdir), bundledWorker()],
    // Packages of CommonJS call it.
    banner: {
      js: "import { createRequire as requireIn } from 'node:module'\nconst require = requireIn(import.meta.url)",
    },
    logLevel: 'error',
  })
  const written = Object.keys(metafile.outputs).map((path) => relative(outdir, join(root, path)))
  const maps = written.filter((path) => path.endsWith('.map'))
  await Promise.all(maps.map((path) => keepOwnSources(join(outdir, path))))
  await removeOthers(outdir, new Set([...written, graphiqlFile, webFile]))
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

/** Bundles the player page into a file, which is read when somebody opens the page. */
function builtWebFiles(outdir: string): Plugin {
  return {
    name: 'built-web-files',
    setup({ onLoad }) {
      onLoad({ filter: /\/http\/web\/load-web-files\.ts$/ }, async () => {
        const json = JSON.stringify(await buildWebFiles())
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
