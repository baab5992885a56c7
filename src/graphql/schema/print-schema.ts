import { lexicographicSortSchema, printSchema, type GraphQLSchema } from 'graphql'

/** Prints the schema, sorted by name. `schema/schema.graphql` holds this text. */
export function schemaText(schema: GraphQLSchema): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}
