import type { GraphQLSchema } from 'graphql'
import { builder } from './builder.ts'
// Each import adds its types and operations to the builder.
import './separation-task.ts'
import './separate.ts'
import './separations.ts'
import './separations-updated.ts'
import './providers.ts'
import './viewer.ts'

const description =
  'Stemgate: one API in front of the services that separate a song into stems. Order with `separate`, follow the task with ' +
  '`separationUpdated`, and read its stems with `separation`.'

/** Builds the complete schema. */
export function createSchema(): GraphQLSchema {
  const schema = builder.toSchema()
  // Pothos has no option for it.
  schema.description = description
  return schema
}
