import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundledPackages, type BundledPackage } from './bundled-packages.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** The names of the files in `dist`. */
export const sbomFile = 'sbom.cdx.json'
export const noticesFile = 'THIRD-PARTY.txt'

/**
 * Writes what the programs contain: a bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), and the
 * licences of all packages, which must accompany their code. The same packages give the same files.
 * @param files the files that were bundled, and those of packages that are beside the bundle
 */
export async function writeSbom(outdir: string, files: Iterable<string>): Promise<void> {
  const packages = await bundledPackages(files)
  const { name, version, description, license } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const own = { type: 'application', 'bom-ref': purlOf({ name, version }), name, version, description }
  const sbom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { ...own, licenses: licensesOf(license) } },
    components: [...packages.map(componentOf), await sqliteComponent(), mpg123Component],
  }
  await writeFile(join(outdir, sbomFile), `${JSON.stringify(sbom, null, 2)}\n`)
  await writeFile(join(outdir, noticesFile), noticesOf(packages))
}

function componentOf({ name, version, license }: BundledPackage): object {
  const [group, short] = name.startsWith('@') ? name.split('/') : [undefined, name]
  const purl = purlOf({ name, version })
  return { type: 'library', 'bom-ref': purl, group, name: short, version, purl, licenses: licensesOf(license) }
}

function purlOf({ name, version }: { readonly name: string; readonly version: string }): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`
}

function licensesOf(license: string | null): readonly object[] | undefined {
  if (license === null) return undefined
  return [/^[\w.+-]+$/.test(license) ? { license: { id: license } } : { expression: license }]
}

/** SQLite itself, which is compiled into its driver's binding. */
async function sqliteComponent(): Promise<object> {
  const header = await readFile(join(root, 'node_modules/@photostructure/sqlite/src/upstream/sqlite3.h'), 'utf8')
  const version = /^#define SQLITE_VERSION\s+"([\d.]+)"/m.exec(header)?.[1]
  if (version === undefined) throw new Error('The version of SQLite is not in its header.')
  const cpe = `cpe:2.3:a:sqlite:sqlite:${version}:*:*:*:*:*:*:*`
  return {
    type: 'library',
    'bom-ref': `sqlite@${version}`,
    name: 'sqlite',
    version,
    cpe,
    licenses: licensesOf('blessing'),
  }
}

/** The decoder that mpg123-decoder contains as WebAssembly. The package does not say which version it is. */
const mpg123Component = { type: 'library', 'bom-ref': 'mpg123', name: 'mpg123', licenses: licensesOf('LGPL-2.1-only') }

function noticesOf(packages: readonly BundledPackage[]): string {
  const sections = packages.map(({ name, version, license, notices }) => {
    const text =
      notices.length > 0
        ? notices.map((notice) => notice.trim()).join('\n\n')
        : 'The package has no text of its licence.'
    return `${name} ${version}\nLicence: ${license ?? 'not named'}\n\n${text}\n`
  })
  const introduction =
    'The programs of Stemgate contain code of the packages below, with these licences.\n' +
    'Two of them contain libraries: @photostructure/sqlite contains SQLite, which is in the public domain,\n' +
    'and mpg123-decoder contains libmpg123 (https://mpg123.org), whose licence is LGPL 2.1.\n'
  return [introduction, ...sections].join(`\n${'-'.repeat(80)}\n\n`)
}
