import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The files of the player page by name, such as `page.js`. */
export type WebFiles = Readonly<Record<string, string>>

const folder = fileURLToPath(new URL('../../web/', import.meta.url))
/** Served as they are. */
const plainFiles = ['page.html', 'icon.svg']

/** Bundles the sources in `src/web` for browsers. Throws if they do not compile. */
export async function buildWebFiles(): Promise<WebFiles> {
  return (await bundleWebFiles()).files
}

/** The same, with the paths of the sources, those of packages among them. */
export async function bundleWebFiles(): Promise<{ readonly files: WebFiles; readonly sources: readonly string[] }> {
  const { build } = await import('esbuild')
  const { outputFiles, metafile } = await build({
    absWorkingDir: folder,
    entryPoints: [
      { in: 'start.tsx', out: 'page' },
      { in: 'page.css', out: 'page' },
    ],
    outdir: folder,
    write: false,
    metafile: true,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['chrome111', 'firefox114', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  })
  const plain = plainFiles.map(async (name) => [name, await readFile(`${folder}${name}`, 'utf8')] as const)
  const bundled = outputFiles.map(({ path, text }) => [path.slice(folder.length), text] as const)
  const files = Object.fromEntries([...(await Promise.all(plain)), ...bundled])
  return { files, sources: Object.keys(metafile.inputs).map((path) => resolve(folder, path)) }
}
