import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'

/** A package whose code is in what `npm run build` makes. */
export interface BundledPackage {
  readonly name: string
  readonly version: string
  /** An SPDX identifier or expression; null if the package names none. */
  readonly license: string | null
  /** The texts of its licence and notices. */
  readonly notices: readonly string[]
}

const manifest = z.object({ name: z.string(), version: z.string(), license: z.string().nullable().catch(null) })
const noticeFile = /^(licen[sc]e|copying|notice)/i

/**
 * The packages that these files belong to, in the order of their names.
 * @param files paths of files, in packages or not
 */
export async function bundledPackages(files: Iterable<string>): Promise<readonly BundledPackage[]> {
  const folders = new Set([...files].flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []))
  const packages = new Map<string, BundledPackage>()
  for (const folder of folders) {
    const { name, version, license } = manifest.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')))
    const names = (await readdir(folder)).filter((file) => noticeFile.test(file)).toSorted()
    const notices = await Promise.all(names.map((file) => readFile(join(folder, file), 'utf8')))
    packages.set(`${name}@${version}`, { name, version, license, notices })
  }
  return [...packages.keys()].toSorted().flatMap((key) => packages.get(key) ?? [])
}
