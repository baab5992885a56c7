import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

/** The operations in `schema/operations`, which are templates for frontends. */
export type OperationName = 'separate' | 'watch' | 'dashboard' | 'read' | 'list'

/**
 * Reads the text of an operation, followed by the fragment that it uses. `#operations` is an entry of `imports` in package.json,
 * so that a bundle finds the folder from wherever it is.
 */
export async function readOperation(name: OperationName): Promise<string> {
  const files = [`${name}.graphql`, 'separation-fields.graphql']
  const { resolve } = createRequire(import.meta.url)
  const texts = await Promise.all(files.map((file) => readFile(resolve(`#operations/${file}`), 'utf8')))
  return texts.join('\n')
}
