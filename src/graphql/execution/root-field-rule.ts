import { GraphQLError, Kind, type ASTVisitor, type SelectionSetNode, type ValidationContext } from 'graphql'

/** How often one operation may select a root field, counting aliases and fragments. */
const limits: readonly {
  readonly field: string
  readonly max: number
  readonly message: (count: number) => string
}[] = [
  {
    // One order per request, so that a limit on requests also limits spending.
    field: 'separate',
    max: 1,
    message: (count) =>
      `An operation may contain one "separate"; this one contains ${count}. Send one operation for each order.`,
  },
  {
    // Each list is a separate read of the store. With SQLite a read blocks the process.
    field: 'separations',
    max: 5,
    message: (count) =>
      `An operation may contain at most 5 "separations"; this one contains ${count}. Send the others in another operation.`,
  },
]

/** Refuses an operation that selects a root field more often than its limit allows. */
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

  /** Collects the response names of a root field. Fields with the same response name are executed once. */
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
