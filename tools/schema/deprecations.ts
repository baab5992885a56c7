import {
  getDirectiveValues,
  GraphQLDeprecatedDirective,
  visit,
  type ASTVisitor,
  type DocumentNode,
  type EnumValueDefinitionNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
} from 'graphql'

/** The reason of every `@deprecated`: the day since when, then what to use instead. */
const reasonForm = /^Since (\d{4}-\d{2}-\d{2}): \S/

/** How long a field stays after it is deprecated. */
const monthsUntilRemoval = 6

export interface Deprecation {
  /** Such as `SeparationTask.musicId`, `Query.separation(provider:)` or `Charge.MAYBE`. */
  readonly name: string
  readonly reason: string
  /** null if the reason has another form. */
  readonly since: string | null
}

/** Every deprecated field, argument, input field and enum value. */
export function findDeprecations(schema: DocumentNode): readonly Deprecation[] {
  const found: Deprecation[] = []
  const path: string[] = []
  const enter = (node: Definition) => {
    path.push(node.name.value)
    const reason = reasonOf(node)
    if (reason !== null) found.push({ name: nameOf(path), reason, since: dayIn(reason) })
  }
  const leave = () => void path.pop()
  const named = {
    enter: ({ name }: { readonly name: { readonly value: string } }) => void path.push(name.value),
    leave,
  }
  visit(schema, {
    ObjectTypeDefinition: named,
    InterfaceTypeDefinition: named,
    InputObjectTypeDefinition: named,
    EnumTypeDefinition: named,
    DirectiveDefinition: named,
    FieldDefinition: { enter, leave },
    InputValueDefinition: { enter, leave },
    EnumValueDefinition: { enter, leave },
  })
  return found
}

/** The first day on which what is deprecated since this day may be removed. */
export function removableFrom(since: string): string {
  const day = new Date(since)
  day.setUTCMonth(day.getUTCMonth() + monthsUntilRemoval)
  return day.toISOString().slice(0, 10)
}

/** The schema without what may be removed by this day. */
export function withoutRemovable(schema: DocumentNode, today: string): DocumentNode {
  const drop = (node: Definition) => {
    const reason = reasonOf(node)
    const since = reason === null ? null : dayIn(reason)
    return since !== null && removableFrom(since) <= today ? null : undefined
  }
  const visitor: ASTVisitor = { FieldDefinition: drop, InputValueDefinition: drop, EnumValueDefinition: drop }
  return visit(schema, visitor)
}

type Definition = FieldDefinitionNode | InputValueDefinitionNode | EnumValueDefinitionNode

function reasonOf(node: Definition): string | null {
  const reason: unknown = getDirectiveValues(GraphQLDeprecatedDirective, node)?.['reason']
  return typeof reason === 'string' ? reason : null
}

function dayIn(reason: string): string | null {
  const [, day] = reasonForm.exec(reason) ?? []
  return day === undefined || Number.isNaN(Date.parse(day)) ? null : day
}

function nameOf([type = '', member = '', argument]: readonly string[]): string {
  return argument === undefined ? `${type}.${member}` : `${type}.${member}(${argument}:)`
}
