import { GraphQLError, Kind, type ASTVisitor, type SelectionSetNode, type ValidationContext } from 'graphql'

/**
 * One operation holds at most one `separate`, through aliases and fragments: so one request is one order, and a limit on
 * requests is a limit on what can be spent.
 */
export function oneSeparateRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(operation) {
      const names = new Set<string>()
      collect(operation.selectionSet, names, new Set())
      if (names.size > 1) {
        const message = `An operation may hold one "separate"; this one holds ${names.size}. Send one operation for each order.`
        context.reportError(new GraphQLError(message, { nodes: operation }))
      }
    },
  }

  /** Collects under which names `separate` stands at the root; fields of one name are carried out as one. */
  function collect(set: SelectionSetNode, names: Set<string>, visited: Set<string>): void {
    for (const selection of set.selections) {
      switch (selection.kind) {
        case Kind.FIELD:
          if (selection.name.value === 'separate') names.add(selection.alias?.value ?? selection.name.value)
          break
        case Kind.INLINE_FRAGMENT:
          collect(selection.selectionSet, names, visited)
          break
        case Kind.FRAGMENT_SPREAD: {
          const name = selection.name.value
          const fragment = context.getFragment(name)
          if (fragment === null || fragment === undefined || visited.has(name)) break
          visited.add(name)
          collect(fragment.selectionSet, names, visited)
          break
        }
      }
    }
  }
}
