import SchemaBuilder, { type EnumRef, type ObjectFieldBuilder } from '@pothos/core'
import RelayPlugin from '@pothos/plugin-relay'
import { DateTimeResolver, URLResolver } from 'graphql-scalars'
import type { Context } from '../context.ts'

interface SchemaTypes {
  Context: Context
  DefaultFieldNullability: false
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    URL: { Input: URL; Output: URL }
  }
}

/** The one builder; every file beside this one adds its types to it. */
export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    // An id is the task's own, so that it is the same in a log, in a URL and in GraphQL.
    encodeGlobalID: (_typename, id) => String(id),
    decodeGlobalID: (id) => ({ typename: 'SeparationTask', id }),
    idFieldOptions: { description: 'The id of the object, unique over all types.' },
    nodeTypeOptions: { description: 'Anything that can be read again by its id alone.' },
    nodeQueryOptions: {
      description: 'Any object by its id; null if there is none, or none that you may see.',
      args: { id: { description: 'The `id` of the object, as it was given.' } },
    },
    nodesQueryOptions: false,
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
    hasNextPageFieldOptions: {
      description: 'Whether there are more behind this page: ask again with `after: endCursor`.',
    },
    hasPreviousPageFieldOptions: {
      description: 'Whether there are more before this page: ask again with `before: startCursor`.',
    },
    startCursorFieldOptions: { description: 'The place of the first object on this page; null if the page is empty.' },
    endCursorFieldOptions: { description: 'The place of the last object on this page; null if the page is empty.' },
    pageInfoFieldOptions: { description: 'Where this page stands in the list.' },
    cursorFieldOptions: { description: 'The place of this object in the list, for `after` and `before`.' },
    nodeFieldOptions: { description: 'The object itself.', nullable: false },
    edgesFieldOptions: { description: 'The objects of this page, each with its place in the list.' },
    firstArgOptions: { description: 'How many from the front, 20 if left out, 100 at most.' },
    afterArgOptions: { description: 'Only what comes behind this cursor.' },
    lastArgOptions: { description: 'How many from the end, 100 at most. Use it with `before`.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
  },
})

builder.queryType({ description: 'What can be read.' })
builder.mutationType({ description: 'What can be ordered.' })
builder.subscriptionType({ description: 'What can be waited for, over WebSocket (graphql-ws) or SSE.' })

builder.addScalarType('DateTime', DateTimeResolver)
builder.addScalarType('URL', URLResolver)

/** An enum whose values are `T` inside. */
export type EnumOf<T> = EnumRef<PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>, T>

/** What the fields of an object of this shape are defined with. */
export type FieldsOf<Shape> = ObjectFieldBuilder<PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>, Shape>

/** Milliseconds since 1970 as GraphQL's DateTime. */
export function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}
