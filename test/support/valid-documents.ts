import * as fc from 'fast-check'
import {
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql'
import type { Operation } from './transports.ts'

const maxDepth = 5
/** Below `separationUpdated`. */
const maxTaskDepth = 4
/** Root fields whose results change by themselves, or need a provider. */
const omitted = ['viewer', 'providers', 'quote', 'credits']

/** A selection set, and the fragments that it spreads. */
interface Selected {
  readonly text: string
  readonly fragments: ReadonlyMap<string, string>
}

/**
 * Valid queries of the schema with their variables: unions, interfaces, fragments, aliases, `@skip` and `@include`, variables with
 * defaults, and documents with two operations. All are about tasks.
 * @param ids what `ID` arguments refer to
 */
export function validOperations(schema: GraphQLSchema, ids: readonly string[]): fc.Arbitrary<Operation> {
  const selection = selectionsOf(schema, ids)
  const queryType = typeNamed(schema, 'Query')
  const query = (name: string) => selection(queryType, maxDepth).map((selected) => operation('query', name, selected))
  const texts = fc.oneof(
    { weight: 4, arbitrary: query('One').map((one) => [one]) },
    { weight: 1, arbitrary: fc.tuple(query('One'), query('Two')) },
  )
  return fc
    .tuple(texts, fc.constantFrom(...ids), fc.boolean(), fc.constantFrom({}, { yes: false }, { first: 2, no: true }))
    .map(([parts, id, maybe, others]) => ({
      query: [
        ...parts.map(({ text }) => text),
        ...new Map(parts.flatMap(({ fragments }) => [...fragments])).values(),
      ].join('\n'),
      variables: { id, maybe, ...others },
      operationName: parts.length > 1 ? 'Two' : 'One',
    }))
}

/** Subscriptions to a task, of the same variety. Their variable `id` is left open. */
export function validSubscriptions(schema: GraphQLSchema): fc.Arbitrary<Operation> {
  const selections = selectionsOf(schema, ['unused'])(typeNamed(schema, 'SeparationTask'), maxTaskDepth)
  return fc.tuple(selections, fc.boolean()).map(([selected, maybe]) => {
    const whole = { ...selected, text: `{ separationUpdated(taskId: $id) ${selected.text} }` }
    const { text, fragments } = operation('subscription', 'One', whole)
    return { query: [text, ...fragments.values()].join('\n'), variables: { maybe } }
  })
}

function typeNamed(schema: GraphQLSchema, name: string): GraphQLNamedType {
  const type = schema.getType(name)
  if (type === undefined) throw new Error(`The schema has no type ${name}.`)
  return type
}

/** An operation that declares the variables which it uses. */
function operation(kind: 'query' | 'subscription', name: string, { text, fragments }: Selected): Selected {
  const used = variables.filter(([variable]) => [text, ...fragments.values()].join().includes(variable))
  const declared = used.map((parts) => parts.join(': ')).join(', ')
  return { text: `${kind} ${name}${declared === '' ? '' : `(${declared})`} ${text}`, fragments }
}

/** Makes selection sets of a type and a depth. */
function selectionsOf(schema: GraphQLSchema, ids: readonly string[]) {
  const queryType = schema.getQueryType()
  const condition = fc.constantFrom('true', 'false', '$yes', '$no', '$maybe')
  const directive = fc.oneof(
    { weight: 8, arbitrary: fc.constant('') },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('skip', 'include'), condition)
        .map(([name, when]) => ` @${name}(if: ${when})`),
    },
  )
  const alias = fc.oneof(
    { weight: 3, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.nat(1_000_000).map((number) => `a${number}: `) },
  )
  const idLiteral = fc.oneof(
    { weight: 2, arbitrary: fc.constant('$id') },
    { weight: 1, arbitrary: fc.constantFrom(...ids).map((id) => JSON.stringify(id)) },
  )

  function field(of: GraphQLNamedType, definition: GraphQLField<unknown, unknown>, depth: number) {
    const type = getNamedType(definition.type)
    const selected = isCompositeType(type) ? selection(type, depth - 1) : fc.constant(nothing)
    const hasArguments = definition.args.length > 0
    // With other arguments or below another type, a field needs a name of its own.
    const name = hasArguments || of === queryType ? fc.uuid().map((id) => `a${id.replaceAll('-', '')}: `) : alias
    const args = definition.args.some((arg) => getNamedType(arg.type).name === 'ID' && arg.name !== 'after')
      ? idLiteral.map((id) => `(${definition.args.find((arg) => getNamedType(arg.type).name === 'ID')?.name}: ${id})`)
      : fc.constant(definition.name === 'separations' ? '(first: $first)' : '')
    return fc.tuple(name, args, directive, selected).map(([before, given, after, { text, fragments }]) => ({
      text: `${before}${definition.name}${given}${after} ${text}`,
      fragments,
    }))
  }

  function selection(type: GraphQLNamedType, depth: number): fc.Arbitrary<Selected> {
    if (depth <= 0) return fc.constant({ text: '{ __typename }', fragments: new Map() })
    const fields =
      isObjectType(type) || isInterfaceType(type)
        ? Object.values(type.getFields()).filter(
            // `peaks` reads files.
            ({ name }) => name !== 'fields' && name !== 'peaks' && !(type === queryType && omitted.includes(name)),
          )
        : []
    const possible = isUnionType(type) || isInterfaceType(type) ? schema.getPossibleTypes(type) : []
    const within = [type, ...possible].filter((each) => each === type || isCompositeType(each))
    const item: fc.Arbitrary<Selected> = fc.oneof(
      { weight: 1, arbitrary: fc.constant({ text: '__typename', fragments: new Map<string, string>() }) },
      ...fields.map((each) => ({ weight: 1, arbitrary: field(type, each, depth) })),
      ...(possible.length === 0
        ? []
        : [
            {
              weight: 4,
              arbitrary: fc.tuple(fc.constantFrom(...possible), directive).chain(([part, when]) =>
                selection(part, depth - 1).map(({ text, fragments }) => ({
                  text: `... on ${part.name}${when} ${text}`,
                  fragments,
                })),
              ),
            },
          ]),
      {
        weight: 1,
        arbitrary: fc.tuple(fc.constantFrom(...within), fc.uuid(), directive).chain(([on, id, when]) =>
          selection(on, depth - 1).map(({ text, fragments }) => {
            const name = `F${id.replaceAll('-', '')}`
            return {
              text: `...${name}${when}`,
              fragments: new Map([...fragments, [name, `fragment ${name} on ${on.name} ${text}`]]),
            }
          }),
        ),
      },
    )
    return fc.array(item, { minLength: 1, maxLength: 4 }).map((items) => ({
      text: `{ ${items.map(({ text }) => text).join(' ')} }`,
      fragments: new Map(items.flatMap(({ fragments }) => [...fragments])),
    }))
  }

  return selection
}

const variables = [
  ['$id', 'ID!'],
  ['$yes', 'Boolean! = true'],
  ['$no', 'Boolean! = false'],
  ['$maybe', 'Boolean!'],
  ['$first', 'Int = 3'],
] as const

const nothing: Selected = { text: '', fragments: new Map() }
