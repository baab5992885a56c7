import SchemaBuilder, { type EnumRef, type ObjectFieldBuilder } from '@pothos/core'
import RelayPlugin from '@pothos/plugin-relay'
import { GraphQLScalarType } from 'graphql'
import { DateTimeResolver, URLResolver } from 'graphql-scalars'
import { taskIdOfStem } from '../../separation/task/stem-id.ts'
import type { Context } from '../context.ts'
import { readsOnlyTasks } from './reads-only-tasks.ts'

interface SchemaTypes {
  Context: Context
  DefaultFieldNullability: false
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    URL: { Input: URL; Output: URL }
  }
}

/** The schema builder. Every file in this folder adds its types to it. */
export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    // Use task ids unencoded, so that logs, URLs and GraphQL show the same id.
    encodeGlobalID: (_typename, id) => String(id),
    decodeGlobalID: (id) => ({ typename: taskIdOfStem(id) === null ? 'SeparationTask' : 'Stem', id }),
    idFieldOptions: { description: 'The id of the object, unique across all types.' },
    nodeTypeOptions: { description: 'An object that can be fetched by its id alone.' },
    nodeQueryOptions: {
      description: 'Fetches an object by its id. Returns null if it does not exist or belongs to another caller.',
      args: { id: { description: 'The `id` of the object.' } },
      extensions: readsOnlyTasks,
    },
    nodesQueryOptions: false,
    pageInfoTypeOptions: { description: 'The position of a page in its list.' },
    hasNextPageFieldOptions: {
      description: 'Whether more objects follow this page. To get them, pass `after: endCursor`.',
    },
    hasPreviousPageFieldOptions: {
      description: 'Whether more objects precede this page. To get them, pass `before: startCursor`.',
    },
    startCursorFieldOptions: { description: 'The cursor of the first object on this page. Null if the page is empty.' },
    endCursorFieldOptions: { description: 'The cursor of the last object on this page. Null if the page is empty.' },
    pageInfoFieldOptions: { description: 'The position of this page in the list.' },
    cursorFieldOptions: { description: 'The cursor of this object, for `after` and `before`.' },
    nodeFieldOptions: { description: 'The object.', nullable: false },
    nodesOnConnection: { description: 'The objects on this page.' },
    edgesFieldOptions: { description: 'The objects on this page, each with its cursor.' },
    firstArgOptions: { description: 'How many objects to return from the start of the list. Default 20, maximum 100.' },
    afterArgOptions: { description: 'Returns only objects after this cursor.' },
    lastArgOptions: {
      description: 'How many objects to return from the end of the list. Maximum 100. Use it with `before`.',
    },
    beforeArgOptions: { description: 'Returns only objects before this cursor.' },
  },
})

builder.queryType({ description: 'Read operations.' })
builder.mutationType({ description: 'Write operations.' })
builder.subscriptionType({ description: 'Live updates, over WebSocket (graphql-ws) or server-sent events (SSE).' })

builder.addScalarType('DateTime', specifiedBy(DateTimeResolver, 'https://scalars.graphql.org/andimarek/date-time'))
builder.addScalarType('URL', specifiedBy(URLResolver, 'https://www.rfc-editor.org/rfc/rfc3986'))

/** The same scalar, with `@specifiedBy`. */
function specifiedBy<I, O>(scalar: GraphQLScalarType<I, O>, specifiedByURL: string): GraphQLScalarType<I, O> {
  return new GraphQLScalarType({ ...scalar.toConfig(), specifiedByURL })
}

/** An enum whose internal values are of type `T`. */
export type EnumOf<T> = EnumRef<PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>, T>

/** The field builder of an object of this shape. */
export type FieldsOf<Shape> = ObjectFieldBuilder<PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>, Shape>

/** Converts milliseconds since 1970 to a GraphQL DateTime. */
export function dateOf(ms: number | null): Date | null {
  return ms === null || ms === Infinity ? null : new Date(ms)
}
