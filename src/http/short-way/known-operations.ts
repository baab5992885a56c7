import {
  getOperationAST,
  Kind,
  OperationTypeNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { doesReadOnlyTasks } from '../../graphql/schema/reads-only-tasks.ts'

/** A query or mutation of a document that has passed every check. */
export interface KnownOperation {
  readonly document: DocumentNode
  readonly type: 'query' | 'mutation'
  /** Whether the result depends only on the tasks that the operation loads: it is a query, and all its root fields do. */
  readonly readsOnlyTasks: boolean
}

/** The documents that were executed without an error, by their text. */
export interface KnownOperations {
  learn(query: string, document: DocumentNode): void
  /** The operation; null if the document is not known, has no such operation, or it is a subscription. */
  find(query: string, operationName: string | null): KnownOperation | null
}

/** As many as the pipeline caches, whose documents they are. */
const maxDocuments = 100

export function createKnownOperations(schema: GraphQLSchema): KnownOperations {
  const documents = new LRUCache<string, { readonly document: DocumentNode; readonly operations: Operations }>({
    max: maxDocuments,
  })

  function describe(document: DocumentNode, operationName: string | null): KnownOperation | null {
    const operation = getOperationAST(document, operationName)
    const type = operation?.operation
    if (!operation || type === undefined || type === OperationTypeNode.SUBSCRIPTION) return null
    return { document, type, readsOnlyTasks: readsOnlyTasksIn(schema, document, operation) }
  }

  return {
    learn(query, document) {
      if (!documents.has(query)) documents.set(query, { document, operations: new Map() })
    },
    find(query, operationName) {
      const known = documents.get(query)
      if (known === undefined) return null
      const { document, operations } = known
      const operation = operations.get(operationName) ?? describe(document, operationName)
      // A name that the document does not contain is not stored: callers could invent any number of them.
      if (operation !== null) operations.set(operationName, operation)
      return operation
    },
  }
}

type Operations = Map<string | null, KnownOperation>

function readsOnlyTasksIn(
  schema: GraphQLSchema,
  document: DocumentNode,
  { operation, selectionSet }: OperationDefinitionNode,
): boolean {
  const queryType = schema.getQueryType()
  if (operation !== OperationTypeNode.QUERY || !queryType) return false
  return rootFieldsIn(selectionSet, fragmentsIn(document)).every((name) => isTaskField(queryType, name))
}

function isTaskField(queryType: GraphQLObjectType, name: string): boolean {
  const field = queryType.getFields()[name]
  return name === '__typename' || (field !== undefined && doesReadOnlyTasks(field))
}

function fragmentsIn({ definitions }: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  return new Map(
    definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  )
}

/** The names of all root fields, also of those that a directive may leave out. Validation has refused fragment cycles. */
function rootFieldsIn(
  { selections }: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): readonly string[] {
  return selections.flatMap((selection) => {
    switch (selection.kind) {
      case Kind.FIELD:
        return [selection.name.value]
      case Kind.INLINE_FRAGMENT:
        return rootFieldsIn(selection.selectionSet, fragments)
      case Kind.FRAGMENT_SPREAD: {
        const fragment = fragments.get(selection.name.value)
        return fragment === undefined ? [] : rootFieldsIn(fragment.selectionSet, fragments)
      }
    }
  })
}
