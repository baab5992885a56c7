import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'client')
/** The browsers and the Node.js that the package supports. */
const target = ['es2022', 'node20']

/** Builds the package `@stemgate/client` into its `dist`: modules, and the declarations of their types. */
export async function buildClient(): Promise<void> {
  await rm(join(folder, 'dist'), { recursive: true, force: true })
  await Promise.all([bundle(), declare()])
}

async function bundle(): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: {
      stemgate: 'client/src/stemgate.ts',
      'web-sockets': 'client/src/web-sockets.ts',
      'possible-types': 'client/src/possible-types.ts',
      documents: 'schema/operations.ts',
    },
    outdir: join(folder, 'dist'),
    bundle: true,
    // What several entry points use, such as the errors, is there once.
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'neutral',
    target,
    sourcemap: true,
    logLevel: 'error',
  })
}

async function declare(): Promise<void> {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
  const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly']
  const compiler = spawn(process.execPath, [join(typescript, 'bin/tsc'), '-p', folder, ...options], {
    stdio: 'inherit',
  })
  const [code] = await once(compiler, 'exit')
  if (code !== 0) throw new Error('The types of the client package could not be declared.')
}
