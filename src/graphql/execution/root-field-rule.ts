import { GraphQLError, Kind, type ASTVisitor, type SelectionSetNode, type ValidationContext } from 'graphql'

/** How often one operation may hold a field of the root, through aliases and fragments. */
const limits: readonly {
  readonly field: string
  readonly max: number
  readonly message: (count: number) => string
}[] = [
  {
    // One request is one order, so that a limit on requests is a limit on what can be spent.
    field: 'separate',
    max: 1,
    message: (count) =>
      `An operation may hold one "separate"; this one holds ${count}. Send one operation for each order.`,
  },
  {
    // Each is a read of the store by itself, and with SQLite nobody else is served meanwhile.
    field: 'separations',
    max: 5,
    message: (count) =>
      `An operation may hold five "separations"; this one holds ${count}. Send the others in an operation of their own.`,
  },
]

/** Refuses an operation that holds a field of the root more often than it may. */
export function rootFieldRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(operation) {
      for (const { field, max, message } of limits) {
        const names = new Set<string>()
        collect(field, operation.selectionSet, names, new Set())
        if (names.size > max) context.reportError(new GraphQLError(message(names.size), { nodes: operation }))
      }
    },
  }

  /** Collects under which names a field stands at the root; fields of one name are carried out as one. */
  function collect(field: string, set: SelectionSetNode, names: Set<string>, visited: Set<string>): void {
    for (const selection of set.selections) {
      switch (selection.kind) {
        case Kind.FIELD:
          if (selection.name.value === field) names.add(selection.alias?.value ?? selection.name.value)
          break
        case Kind.INLINE_FRAGMENT:
          collect(field, selection.selectionSet, names, visited)
          break
        case Kind.FRAGMENT_SPREAD: {
          const name = selection.name.value
          const fragment = context.getFragment(name)
          if (fragment === null || fragment === undefined || visited.has(name)) break
          visited.add(name)
          collect(field, fragment.selectionSet, names, visited)
          break
        }
      }
    }
  }
}
