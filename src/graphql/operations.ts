import { readFile } from 'node:fs/promises'

/** The operations of `schema/operations`, which frontends start from. */
export type OperationName = 'separate' | 'watch' | 'read' | 'list'

const folder = new URL('../../schema/operations/', import.meta.url)

/** The text of an operation, with the fragment that it uses behind it. */
export async function readOperation(name: OperationName): Promise<string> {
  const files = [`${name}.graphql`, 'separation-fields.graphql']
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')))
  return texts.join('\n')
}
