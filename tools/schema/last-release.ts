import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { OperationFile } from './compare-schemas.ts'

/** What clients of a release were built from. */
export interface Release {
  /** Such as `v0.1.0`. */
  readonly tag: string
  /** The day of its commit. */
  readonly day: string
  /** The text of its schema. */
  readonly schema: string
  readonly operations: readonly OperationFile[]
}

/** Reads the last release before the commit that is checked out; says why there is none. */
export async function readLastRelease(folder: string): Promise<Release | { readonly missing: string }> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd: folder })).stdout
  const tag = await git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*').then(
    (text) => text.trim(),
    () => null,
  )
  if (tag === null) return { missing: 'this clone has no tag v* before the commit that is checked out' }
  const read = (file: string) => git('show', `${tag}:./${file}`)
  const schema = await read('schema/schema.graphql').catch(() => null)
  if (schema === null) return { missing: `${tag} has no schema/schema.graphql` }
  const names = await git('ls-tree', '--name-only', tag, './schema/operations/')
  const files = names.split('\n').filter((name) => name.endsWith('.graphql'))
  return {
    tag,
    day: (await git('log', '-1', '--format=%cs', tag)).trim(),
    schema,
    operations: await Promise.all(files.map(async (name) => ({ name, text: await read(name) }))),
  }
}
