import type { GraphQLSchema } from 'graphql'
import { builder } from './builder.ts'
// Each of these adds its types and operations to the builder.
import './separation-task.ts'
import './separate.ts'
import './separations.ts'

/** The whole schema. */
export function createSchema(): GraphQLSchema {
  return builder.toSchema()
}
