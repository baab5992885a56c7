import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { exportRuntime } from '../../tools/export-runtime.ts'

const dist = dirname(inject('program'))
const root = fileURLToPath(new URL('../../', import.meta.url))

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-export-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe('npm run export', () => {
  test('copies all that the programs need, for this platform alone', async () => {
    const folder = await newFolder()
    await exportRuntime(folder, dist)
    const run = (program: string, ...args: readonly string[]) =>
      spawnSync(process.execPath, [join(folder, 'dist', program), ...args], {
        cwd: folder,
        env: { SANDBOX: 'true', PORT: '0' },
        encoding: 'utf8',
      })
    // Opens a database, so that SQLite's binding is loaded.
    const checked = run('main.js', '--check-config', '--json')
    expect([checked.stderr, JSON.parse(checked.stdout)]).toMatchObject(['', { ok: true }])
    expect(run('backup/main.js', '--help').status).toBe(0)
    expect(await readdir(join(folder, 'node_modules/@photostructure/sqlite/prebuilds'))).toEqual([
      `${process.platform}-${process.arch}`,
    ])
    expect((await readdir(folder)).toSorted()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json', 'schema'])
  })

  test('overwrites nothing', async () => {
    const folder = await newFolder()
    await exportRuntime(folder, dist)
    await expect(exportRuntime(folder, dist)).rejects.toThrow('is not empty')
  })
})

describe('the bill of materials', async () => {
  const { components } = z
    .object({
      bomFormat: z.literal('CycloneDX'),
      specVersion: z.literal('1.6'),
      components: z.array(
        z.object({
          'bom-ref': z.string(),
          name: z.string(),
          version: z.string().optional(),
          licenses: z.array(z.unknown()),
        }),
      ),
    })
    .parse(JSON.parse(await readFile(join(dist, 'sbom.cdx.json'), 'utf8')))
  const lock = z
    .object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) })
    .parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')))
  const locked = Object.entries(lock.packages).map(([path, { version = '' }]) => {
    const name = path.split('node_modules/').at(-1) ?? ''
    return `pkg:npm/${name.replace('@', '%40')}@${version}`
  })
  const packages = components.map((each) => each['bom-ref']).filter((purl) => purl.startsWith('pkg:npm/'))

  test('names each package once, in the version that is locked', () => {
    expect(packages.length).toBeGreaterThan(50)
    expect(new Set(packages).size).toBe(packages.length)
    expect(packages.filter((purl) => !locked.includes(purl))).toEqual([])
  })

  test('names every package that a file of the bundles comes from, and what runs beside them', async () => {
    const bundle = await readFile(join(dist, 'stemgate.cjs'), 'utf8')
    // esbuild names each module of CommonJS by its path.
    const paths = [...bundle.matchAll(/"node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\/[^"]*"\(/g)].map(
      ([, name = '']) => name,
    )
    const inside = new Set([
      ...paths,
      'preact',
      'mpg123-decoder',
      'graphql',
      'undici',
      '@photostructure/sqlite',
      'node-gyp-build',
    ])
    const names = packages.map((purl) => purl.slice('pkg:npm/'.length, purl.lastIndexOf('@')).replace('%40', '@'))
    expect([...inside].filter((name) => !names.includes(name))).toEqual([])
    // Tools of the build and of the tests are not in it.
    expect(names.filter((name) => ['esbuild', 'vitest', 'tsx', 'typescript', 'prettier'].includes(name))).toEqual([])
  })

  test('names SQLite, which is inside a binding, in the version that answers', async () => {
    const { DatabaseSync } = await import('@photostructure/sqlite')
    const database = new DatabaseSync(':memory:')
    const row = database.prepare('select sqlite_version() as version').get()
    database.close()
    expect(components.find((each) => each['bom-ref'].startsWith('sqlite@'))).toMatchObject({ ...row })
  })

  test('comes with the licences of all packages', async () => {
    const notices = await readFile(join(dist, 'THIRD-PARTY.txt'), 'utf8')
    const missing = packages.filter((purl) => {
      const [, name = '', version = ''] = /^pkg:npm\/(.*)@([^@]*)$/.exec(purl) ?? []
      return !notices.includes(`\n${name.replace('%40', '@')} ${version}\nLicence: `)
    })
    expect(missing).toEqual([])
    expect(notices).not.toContain('Licence: not named')
  })
})
