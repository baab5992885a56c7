import type { GraphQLSchema } from 'graphql'
import { builder } from './builder.ts'
// Each import adds its types and operations to the builder.
import './separation-task.ts'
import './separate.ts'
import './separations.ts'

/** Builds the complete schema. */
export function createSchema(): GraphQLSchema {
  return builder.toSchema()
}
