import { readFile } from 'node:fs/promises'

/** The operations in `schema/operations`, which are templates for frontends. */
export type OperationName = 'separate' | 'watch' | 'read' | 'list'

const folder = new URL('../../schema/operations/', import.meta.url)

/** Reads the text of an operation, followed by the fragment that it uses. */
export async function readOperation(name: OperationName): Promise<string> {
  const files = [`${name}.graphql`, 'separation-fields.graphql']
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')))
  return texts.join('\n')
}
