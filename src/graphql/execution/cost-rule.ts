import {
  GraphQLError,
  Kind,
  type ASTVisitor,
  type FieldNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql'
import { defaultPageSize, maxPageSize } from '../schema/separations.ts'

/** How many fields one operation may yield, as it is reckoned here. A page of 100 tasks with everything in them is half. */
const maxCost = 50_000
/** What it takes to read one task for a list, in fields. */
const taskCost = 50
/** What it takes to find one place of a filtered list, in fields: each facet that fits is looked through for a whole page. */
const cursorCost = 20
/** What it takes to begin a list, in fields, however small its page is. */
const listCost = 500
const maxKnownStems = 13
/** How many fields each field of an introspection yields, roughly. */
const introspectionFactor = 150

/**
 * What an operation yields is bounded, through aliases, fragments and page sizes: so nobody keeps the process to himself.
 * A page size in a variable counts as the largest, so that a document is either good or not, whatever comes with it.
 */
export function costRule(context: ValidationContext): ASTVisitor {
  const costs = new Map<string, number>()
  return {
    OperationDefinition(operation) {
      const cost = costOf(operation.selectionSet)
      if (cost <= maxCost) return
      const message =
        `An operation may cost ${maxCost}; this one costs ${cost}: every field counts for each time that it can be yielded. ` +
        'Ask for smaller pages (`first`), or for less at once.'
      context.reportError(new GraphQLError(message, { nodes: operation }))
    },
  }

  function costOf(set: SelectionSetNode): number {
    let cost = 0
    for (const selection of set.selections) {
      switch (selection.kind) {
        case Kind.FIELD:
          cost += costOfField(selection)
          break
        case Kind.INLINE_FRAGMENT:
          cost += costOf(selection.selectionSet)
          break
        case Kind.FRAGMENT_SPREAD:
          cost += costOfFragment(selection.name.value)
      }
    }
    return cost
  }

  function costOfField(field: FieldNode): number {
    const within = field.selectionSet === undefined ? 0 : costOf(field.selectionSet)
    switch (field.name.value) {
      case 'separations':
        return listCost + pageSizeOf(field) * (taskCost + (isFiltered(field) ? cursorCost : 0) + within)
      case 'all':
      case 'allStems':
        return 1 + maxKnownStems * within
      case '__schema':
      case '__type':
        return 1 + introspectionFactor * within
      default:
        return 1 + within
    }
  }

  /** Reckoned once, or fragments of fragments would take longer to reckon than to carry out. */
  function costOfFragment(name: string): number {
    const known = costs.get(name)
    if (known !== undefined) return known
    // One that spreads itself is another rule's matter.
    costs.set(name, 0)
    const fragment = context.getFragment(name)
    const cost = fragment === null || fragment === undefined ? 0 : costOf(fragment.selectionSet)
    costs.set(name, cost)
    return cost
  }
}

/** Whether a list may be filtered: a filter in a variable counts, whatever comes with it. */
function isFiltered({ arguments: given = [] }: FieldNode): boolean {
  return given.some(({ name }) => name.value === 'where')
}

/** How many tasks a `separations` can list. One that asks for more than a page can hold is refused when it is carried out. */
function pageSizeOf({ arguments: given = [] }: FieldNode): number {
  const sizes = given
    .filter(({ name }) => name.value === 'first' || name.value === 'last')
    .flatMap(({ value }) => {
      if (value.kind === Kind.INT) return [Number(value.value)]
      return value.kind === Kind.VARIABLE ? [maxPageSize] : []
    })
  return Math.min(maxPageSize, Math.max(0, ...(sizes.length > 0 ? sizes : [defaultPageSize])))
}
