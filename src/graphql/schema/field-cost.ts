import type { GraphQLField } from 'graphql'

/** The cost of a field that returns a list with at most `maxItems` items. */
export interface ListCost {
  readonly maxItems: number
  /** The cost of the list itself, in fields, if it is more than one. */
  readonly base?: number
}

/** The cost of a connection, in fields. Its page size is the argument `first` or `last`. */
export interface ConnectionCost {
  /** The cost of the list itself, however small its page is. */
  readonly base: number
  /** The cost of reading one item, in addition to its selected fields. */
  readonly perItem: number
  /** What one item costs in addition if the argument `where` is set. */
  readonly perFilteredItem: number
  readonly defaultPageSize: number
  readonly maxPageSize: number
}

/** How often the fields below a list field count. Every list field sets it as its extension `cost`: see `cost-rule.ts`. */
export type FieldCost = ListCost | ConnectionCost

/** The extension of a list field. */
export function withCost(cost: FieldCost): { readonly cost: FieldCost } {
  return { cost }
}

/** The cost that a field was defined with; undefined for a field that returns one value. */
export function costOfField({ extensions }: GraphQLField<unknown, unknown>): FieldCost | undefined {
  const { cost } = extensions as { readonly cost?: FieldCost }
  return cost
}
