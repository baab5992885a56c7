import { GraphQLError, Kind, type ASTVisitor, type SelectionSetNode, type ValidationContext } from 'graphql'

/** How often one operation may select these root fields in all, counting aliases and fragments. */
const limits: readonly {
  readonly fields: readonly string[]
  readonly max: number
  readonly message: (count: number) => string
}[] = [
  {
    // One order per request, so that a limit on requests also limits spending.
    fields: ['separate', 'separateAll'],
    max: 1,
    message: (count) =>
      `An operation may contain one "separate" or "separateAll"; this one contains ${count}. Send one operation for each of them.`,
  },
  {
    // Each list is a separate read of the store. With SQLite a read blocks the process.
    fields: ['separations'],
    max: 5,
    message: (count) =>
      `An operation may contain at most 5 "separations"; this one contains ${count}. Send the others in another operation.`,
  },
]

/** Refuses an operation that selects a root field more often than its limit allows. */
export function rootFieldRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(operation) {
      for (const { fields, max, message } of limits) {
        const names = new Set<string>()
        collect(fields, operation.selectionSet, names, new Set())
        if (names.size > max) context.reportError(new GraphQLError(message(names.size), { nodes: operation }))
      }
    },
  }

  /** Collects the response names of these root fields. Fields with the same response name are executed once. */
  function collect(fields: readonly string[], set: SelectionSetNode, names: Set<string>, visited: Set<string>): void {
    for (const selection of set.selections) {
      switch (selection.kind) {
        case Kind.FIELD:
          if (fields.includes(selection.name.value)) names.add(selection.alias?.value ?? selection.name.value)
          break
        case Kind.INLINE_FRAGMENT:
          collect(fields, selection.selectionSet, names, visited)
          break
        case Kind.FRAGMENT_SPREAD: {
          const name = selection.name.value
          const fragment = context.getFragment(name)
          if (fragment === null || fragment === undefined || visited.has(name)) break
          visited.add(name)
          collect(fields, fragment.selectionSet, names, visited)
          break
        }
      }
    }
  }
}
