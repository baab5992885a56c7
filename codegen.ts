import { readdir, readFile, writeFile } from 'node:fs/promises'
import { codegen } from '@graphql-codegen/core'
import * as operationTypes from '@graphql-codegen/typescript-operations'
import * as typedDocuments from '@graphql-codegen/typed-document-node'
import { isAbstractType, parse } from 'graphql'
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

const heading = `// Made by \`npm run codegen\` from ${operationsFolder}: do not edit.\n`

await main(process.argv.includes('--check'))

async function main(isCheck: boolean): Promise<void> {
  const schema = schemaText(createSchema())
  const made = [
    { file: schemaFile, text: schema },
    { file: typedFile, text: await typedOperations(schema) },
    { file: possibleTypesFile, text: await possibleTypes() },
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

async function typedOperations(schema: string): Promise<string> {
  const names = (await readdir(operationsFolder)).toSorted()
  const documents = await Promise.all(
    names.map(async (name) => {
      const location = `${operationsFolder}/${name}`
      return { location, document: parse(await readFile(location, 'utf8')) }
    }),
  )
  const text = await codegen({
    filename: typedFile,
    schema: parse(schema),
    documents,
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
