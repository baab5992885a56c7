import {
  getNamedType,
  GraphQLError,
  isInterfaceType,
  isObjectType,
  Kind,
  type ASTVisitor,
  type FieldNode,
  type GraphQLNamedType,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql'
import { costOfField, type ConnectionCost } from '../schema/field-cost.ts'

/** The maximum cost of one operation, in fields. A page of 100 tasks with all their fields costs about half. */
const maxCost = 50_000
/** Roughly how many fields each field below `__schema` or `__type` returns. */
const introspectionFactor = 150

type ParentType = GraphQLNamedType | null | undefined

/**
 * Limits how many fields an operation can return, so that one caller cannot keep the process busy. Every field costs 1 for
 * each time that it can be returned; the schema's list fields say how often that is (`field-cost.ts`). A page size in a
 * variable counts as the maximum, so that the result does not depend on variables.
 */
export function costRule(context: ValidationContext): ASTVisitor {
  const schema = context.getSchema()
  const fragmentCosts = new Map<string, number>()
  return {
    OperationDefinition(operation) {
      const cost = costOf(operation.selectionSet, schema.getRootType(operation.operation))
      if (cost <= maxCost) return
      const message =
        `This operation costs ${cost}; the maximum is ${maxCost}. A field costs 1 for each time that it can be returned. ` +
        'Request smaller pages (`first`) or fewer fields.'
      context.reportError(new GraphQLError(message, { nodes: operation }))
    },
  }

  function costOf(set: SelectionSetNode, parent: ParentType): number {
    let cost = 0
    for (const selection of set.selections) {
      switch (selection.kind) {
        case Kind.FIELD:
          cost += costOfSelection(selection, parent)
          break
        case Kind.INLINE_FRAGMENT: {
          const { typeCondition } = selection
          cost += costOf(selection.selectionSet, typeCondition ? schema.getType(typeCondition.name.value) : parent)
          break
        }
        case Kind.FRAGMENT_SPREAD:
          cost += costOfFragment(selection.name.value)
      }
    }
    return cost
  }

  function costOfSelection(field: FieldNode, parent: ParentType): number {
    const name = field.name.value
    const definition = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined
    const type = definition === undefined ? undefined : getNamedType(definition.type)
    const within = field.selectionSet === undefined ? 0 : costOf(field.selectionSet, type)
    if (name === '__schema' || name === '__type') return 1 + introspectionFactor * within
    const cost = definition === undefined ? undefined : costOfField(definition)
    if (cost === undefined) return 1 + within
    return 'maxItems' in cost ? (cost.base ?? 1) + cost.maxItems * within : costOfPage(field, cost, within)
  }

  /** Cached, because nested fragments would otherwise take longer to count than to execute. */
  function costOfFragment(name: string): number {
    const known = fragmentCosts.get(name)
    if (known !== undefined) return known
    // Ends the recursion of a fragment that spreads itself. Another rule refuses it.
    fragmentCosts.set(name, 0)
    const fragment = context.getFragment(name)
    const cost = fragment ? costOf(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value)) : 0
    fragmentCosts.set(name, cost)
    return cost
  }
}

function costOfPage(field: FieldNode, cost: ConnectionCost, within: number): number {
  const perItem = cost.perItem + (isFiltered(field) ? cost.perFilteredItem : 0) + within
  return cost.base + pageSizeOf(field, cost) * perItem
}

/** Whether a list may be filtered. A filter in a variable counts, whatever its value is. */
function isFiltered({ arguments: args = [] }: FieldNode): boolean {
  return args.some(({ name }) => name.value === 'where')
}

/** The largest page that the arguments allow. The resolver refuses a page size above the maximum. */
function pageSizeOf({ arguments: args = [] }: FieldNode, { defaultPageSize, maxPageSize }: ConnectionCost): number {
  const sizes = args
    .filter(({ name }) => name.value === 'first' || name.value === 'last')
    .flatMap(({ value }) => {
      if (value.kind === Kind.INT) return [Number(value.value)]
      return value.kind === Kind.VARIABLE ? [maxPageSize] : []
    })
  return Math.min(maxPageSize, Math.max(0, ...(sizes.length > 0 ? sizes : [defaultPageSize])))
}
