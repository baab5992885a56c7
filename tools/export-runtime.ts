import { existsSync } from 'node:fs'
import { cp, mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/** As node-gyp-build, which loads SQLite's binding, tells the two apart. */
const libc = existsSync('/etc/alpine-release') ? 'musl' : 'glibc'
const prebuilds = `node_modules/@photostructure/sqlite/prebuilds/${process.platform}-${process.arch}`

/** All that is not in `dist`. Of SQLite's driver: its code, not the sources and the bindings of other platforms. */
const files = [
  'LICENSE',
  // Says that dist holds ES modules.
  'package.json',
  // GraphiQL's ready tabs are read from here.
  'schema/operations',
  ...['package.json', 'LICENSE', 'dist/index.cjs', 'dist/index.mjs'].map(
    (name) => `node_modules/@photostructure/sqlite/${name}`,
  ),
  ...['package.json', 'LICENSE', 'index.js', 'node-gyp-build.js'].map((name) => `node_modules/node-gyp-build/${name}`),
]

/**
 * Copies what a gateway needs at run time into a folder: for this platform alone, 28 MB less than with all of `node_modules`.
 * @param folder is new or empty
 * @param dist the built programs
 * @throws if the folder contains something, or there is no binding of SQLite for this platform
 */
export async function exportRuntime(folder: string, dist = join(root, 'dist')): Promise<void> {
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length > 0) throw new Error(`${folder} is not empty.`)
  const bindings = (await readdir(join(root, prebuilds))).filter((name) => name.includes(`.${libc}.`))
  if (bindings.length === 0) throw new Error(`SQLite has no binding for ${process.platform}-${process.arch}, ${libc}.`)
  await cp(dist, join(folder, 'dist'), { recursive: true, preserveTimestamps: true })
  for (const name of [...files, ...bindings.map((binding) => `${prebuilds}/${binding}`)]) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await cp(join(root, name), join(folder, name), { recursive: true })
  }
}
