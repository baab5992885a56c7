import {
  buildASTSchema,
  DangerousChangeType,
  findBreakingChanges,
  findDangerousChanges,
  GraphQLSchema,
  isInterfaceType,
  isObjectType,
  Kind,
  parse,
  Source,
  validate,
  type DocumentNode,
} from 'graphql'
import { withoutRemovable } from './deprecations.ts'

/** A document with operations or fragments. */
export interface OperationFile {
  readonly name: string
  readonly text: string
}

export interface SchemaChanges {
  /** What breaks clients of the earlier schema. */
  readonly breaking: readonly string[]
  /** Additions that clients need a default branch for. */
  readonly noticeable: readonly string[]
}

/** Compares a schema with that of the last release. What was deprecated long enough before `today` may be missing. */
export function compareSchemas(
  before: { readonly schema: DocumentNode; readonly operations: readonly OperationFile[] },
  after: DocumentNode,
  today: string,
): SchemaChanges {
  const schema = buildASTSchema(after)
  const earlier = reachable(buildASTSchema(withoutRemovable(before.schema, today), { assumeValid: true }))
  const dangerous = findDangerousChanges(earlier, schema)
  const isBreaking = ({ type }: { readonly type: DangerousChangeType }) =>
    type === DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE
  return {
    breaking: [
      ...findBreakingChanges(earlier, schema).map(({ description }) => description),
      ...dangerous.filter(isBreaking).map(({ description }) => description),
      ...findInvalidOperations(schema, before.operations),
    ],
    noticeable: dangerous.filter((change) => !isBreaking(change)).map(({ description }) => description),
  }
}

/** Without the types that only a removed field led to. A type with an interface stays: the interface may lead to it. */
function reachable(schema: GraphQLSchema): GraphQLSchema {
  const { query, mutation, subscription, directives } = schema.toConfig()
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => isInterfaceType(type) || (isObjectType(type) && type.getInterfaces().length > 0),
  )
  return new GraphQLSchema({ query, mutation, subscription, directives, types, assumeValid: true })
}

/** The operations that clients were built from and that the schema no longer accepts. */
function findInvalidOperations(schema: GraphQLSchema, operations: readonly OperationFile[]): string[] {
  if (operations.length === 0) return []
  const definitions = operations.flatMap(({ name, text }) => parse(new Source(text, name)).definitions)
  const errors = validate(schema, { kind: Kind.DOCUMENT, definitions })
  return errors.map(({ message, nodes }) => `${nodes?.[0]?.loc?.source.name ?? 'an operation'}: ${message}`)
}
