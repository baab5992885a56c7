import { lexicographicSortSchema, printSchema } from 'graphql'
import { createSchema } from './schema.ts'

/** Prints the schema, sorted by name. `schema/schema.graphql` holds this text. */
export function schemaText(): string {
  return `${printSchema(lexicographicSortSchema(createSchema()))}\n`
}
