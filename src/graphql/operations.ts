import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

/** The operations in `schema/operations`, which are templates for frontends. */
export type OperationName = 'separate' | 'separate-all' | 'watch' | 'dashboard' | 'read' | 'list' | 'overview'

/**
 * Reads the text of an operation, followed by the fragment if it uses it. `#operations` is an entry of `imports` in package.json,
 * so that a bundle finds the folder from wherever it is.
 */
export async function readOperation(name: OperationName): Promise<string> {
  const operation = await read(name)
  return operation.includes('...SeparationFields') ? `${operation}\n${await read('separation-fields')}` : operation
}

function read(name: string): Promise<string> {
  const { resolve } = createRequire(import.meta.url)
  return readFile(resolve(`#operations/${name}.graphql`), 'utf8')
}
