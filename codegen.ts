import { readdir, readFile, writeFile } from 'node:fs/promises'
import { codegen } from '@graphql-codegen/core'
import * as operationTypes from '@graphql-codegen/typescript-operations'
import * as typedDocuments from '@graphql-codegen/typed-document-node'
import { type DocumentNode, isAbstractType, Kind, parse, print, stripIgnoredCharacters } from 'graphql'
import { format, resolveConfig } from 'prettier'
import { schemaText } from './src/graphql/schema/print-schema.ts'
import { createSchema } from './src/graphql/schema/schema.ts'

/**
 * Prints the schema, turns the operations that frontends start from into typed documents (GraphQL Code Generator), and
 * names the types of every union and interface, which caches such as Apollo Client's have to be told.
 * `npm run codegen` writes all of it; with `--check` it only says whether it is up to date.
 */
const schemaFile = 'schema/schema.graphql'
const possibleTypesFile = 'schema/possible-types.json'
const operationsFolder = 'schema/operations'
const typedFile = 'schema/operations.ts'
/** The operations that the client package sends, as text: it needs no part of `graphql`. */
const textsFile = 'client/src/operation-texts.ts'
const clientOperations = ['Separate', 'Read', 'Watch', 'Dashboard']

const heading = `// Made by \`npm run codegen\` from ${operationsFolder}: do not edit.\n`

await main(process.argv.includes('--check'))

async function main(isCheck: boolean): Promise<void> {
  const schema = schemaText(createSchema())
  const documents = await readOperations()
  const made = [
    { file: schemaFile, text: schema },
    { file: typedFile, text: await typedOperations(schema, documents) },
    { file: possibleTypesFile, text: await possibleTypes() },
    { file: textsFile, text: await operationTexts(documents) },
  ]
  for (const { file, text } of made) {
    const isCurrent = (await readFile(file, 'utf8').catch(() => '')) === text
    if (isCurrent) console.log(`${file} is up to date`)
    else if (isCheck) {
      console.error(`${file} is out of date: run \`npm run codegen\` and commit it`)
      process.exitCode = 1
    } else {
      await writeFile(file, text)
      console.log(`${file} written`)
    }
  }
}

interface Operation {
  /** The path of its file. */
  readonly location: string
  readonly document: DocumentNode
}

async function readOperations(): Promise<readonly Operation[]> {
  const names = (await readdir(operationsFolder)).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const location = `${operationsFolder}/${name}`
      return { location, document: parse(await readFile(location, 'utf8')) }
    }),
  )
}

async function typedOperations(schema: string, operations: readonly Operation[]): Promise<string> {
  const text = await codegen({
    filename: typedFile,
    schema: parse(schema),
    documents: [...operations],
    config: {
      scalars: { ID: 'string', DateTime: 'string', URL: 'string' },
      useTypeImports: true,
      strictScalars: true,
      enumType: 'string-literal',
    },
    plugins: [{ typescriptOperations: {} }, { typedDocumentNode: {} }],
    pluginMap: { typescriptOperations: operationTypes, typedDocumentNode: typedDocuments },
  })
  return format(heading + text, { ...(await resolveConfig(typedFile)), parser: 'typescript' })
}

/** Apollo's `possibleTypes`: the object types of every union and interface. */
async function possibleTypes(): Promise<string> {
  const schema = createSchema()
  const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType)
  const names = abstract.map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)])
  return format(JSON.stringify(Object.fromEntries(names)), {
    ...(await resolveConfig(possibleTypesFile)),
    parser: 'json',
  })
}

/** The texts of the client's operations, each with the fragments that it uses. */
async function operationTexts(operations: readonly Operation[]): Promise<string> {
  const definitions = operations.flatMap(({ document }) => document.definitions)
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
  const types: string[] = []
  const texts = definitions.flatMap((definition) => {
    const name = definition.kind === Kind.OPERATION_DEFINITION ? definition.name?.value : undefined
    if (definition.kind !== Kind.OPERATION_DEFINITION || name === undefined || !clientOperations.includes(name))
      return []
    const kind = `${definition.operation[0]?.toUpperCase()}${definition.operation.slice(1)}`
    const result = `${name}${kind}`
    types.push(result, `${result}Variables`)
    const operation = print(definition)
    const used = fragments.filter((fragment) => operation.includes(`...${fragment.name.value}`)).map(print)
    const text = stripIgnoredCharacters([operation, ...used].join('\n'))
    const constant = `${name[0]?.toLowerCase()}${name.slice(1)}Text`
    return [
      `export const ${constant}: OperationText<${result}, ${result}Variables> = { text: ${JSON.stringify(text)} }`,
    ]
  })
  const code = [
    heading,
    `import type { ${types.join(', ')} } from '../../schema/operations.ts'`,
    '/** The text of an operation, with the types of its result and of its variables. */\n' +
      'export interface OperationText<T, V> { readonly text: string, readonly types?: (variables: V) => T }',
    ...texts,
  ]
  return format(code.join('\n\n'), { ...(await resolveConfig(textsFile)), parser: 'typescript' })
}
