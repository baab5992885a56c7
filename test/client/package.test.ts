import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('../../client/', import.meta.url))

/** What a page loads that imports this. */
async function bundleOf(code: string, external: readonly string[] = []) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: folder },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    metafile: true,
    external: [...external],
  })
  const [file] = outputFiles
  const packages = Object.keys(metafile.inputs).filter((path) => path.includes('node_modules'))
  return { bytes: gzipSync(file?.contents ?? '', { level: 9 }).byteLength, packages }
}

test('the client is smaller than 5 KB, compressed, and needs no other package', async () => {
  const { bytes, packages } = await bundleOf("export * from '@stemgate/client'")
  expect(bytes).toBeGreaterThan(2_000)
  expect(bytes).toBeLessThan(5_000)
  expect(packages).toEqual([])
  const whole = await bundleOf("export * from '@stemgate/client'; export * from '@stemgate/client/web-sockets'", [
    'graphql-ws',
  ])
  expect(whole.bytes).toBeLessThan(5_000)
})

test('the package holds its code, its types and its texts, and nothing else', async () => {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: folder,
  })
  const [packed]: { files: { path: string }[] }[] = JSON.parse(stdout)
  const paths = packed?.files.map(({ path }) => path) ?? []
  const isExpected = (path: string) =>
    /^(LICENSE|README\.md|package\.json|dist\/[\w-]+\.js(\.map)?|dist\/types\/(client\/src|schema)\/[\w-]+\.d\.ts)$/.test(
      path,
    )
  expect(paths.filter((path) => !isExpected(path))).toEqual([])
  for (const path of ['LICENSE', 'README.md', 'dist/stemgate.js', 'dist/types/client/src/stemgate.d.ts']) {
    expect(paths).toContain(path)
  }
})
