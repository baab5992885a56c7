import * as fc from 'fast-check'
import {
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredInputField,
  isUnionType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql'

/** Stands for what only the moment of sending knows: a track of its own, a settled task, a pending one. */
export const places = { track: 'TRACK', settled: 'SETTLED', waiting: 'WAITING' } as const

const deepest = 4
const oddText = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 300 }))
const ids = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<string>(...Object.values(places)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', 'x', 'sep_01kah1rz9wfw5ve2k4zq7dxm6t', 'sep_', '__proto__', '%00', '../..'),
  },
  { weight: 1, arbitrary: oddText },
)
const anyLiteral = fc.constantFrom(
  'null',
  '1e999',
  '[]',
  '{}',
  '{ a: { b: [1] } }',
  'PENDING',
  '"x"',
  '$v0',
  '-1',
  '99999999999',
)

/** Every answer is awaited, so a valid wait is short. */
const shortWaits = fc.oneof(fc.integer({ min: -1, max: 2 }), fc.integer({ min: 61 })).map(String)

/** Texts of documents over a schema: most of them good, some with what the schema does not have. */
export function documentTexts(schema: GraphQLSchema): fc.Arbitrary<string> {
  const selections = new Map<string, fc.Arbitrary<string>>()
  const fieldTexts = new Map<string, fc.Arbitrary<string>>()

  function literalOf(type: GraphQLInputType): fc.Arbitrary<string> {
    if (isNonNullType(type)) {
      const good = literalOf(type.ofType)
      return fc.oneof({ weight: 60, arbitrary: good }, { weight: 1, arbitrary: anyLiteral })
    }
    if (isListType(type))
      return fc.array(literalOf(type.ofType), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`)
    if (isEnumType(type)) return fc.constantFrom(...type.getValues().map(({ name }) => name), 'NOTHING')
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).map((field) =>
        fc
          .tuple(fc.nat(9), literalOf(field.type))
          .map(([jitter, value]) => (jitter < (isRequiredInputField(field) ? 10 : 3) ? `${field.name}: ${value}` : '')),
      )
      return fc.tuple(...fields).map((given) => `{ ${given.filter((each) => each !== '').join(', ')} }`)
    }
    switch (type.name) {
      case 'ID':
      case 'String':
        return ids.map((text) => JSON.stringify(text))
      case 'Int':
        return fc.oneof(fc.integer({ min: -2, max: 120 }), fc.integer()).map(String)
      case 'Boolean':
        return fc.boolean().map(String)
      default:
        return anyLiteral
    }
  }

  function fieldOf(of: GraphQLNamedType, field: GraphQLField<unknown, unknown>, depth: number): fc.Arbitrary<string> {
    const name = `${of.name} ${field.name} ${depth}`
    const made = fieldTexts.get(name) ?? newField(field, depth)
    fieldTexts.set(name, made)
    return made
  }

  function newField(field: GraphQLField<unknown, unknown>, depth: number): fc.Arbitrary<string> {
    const args = field.args.map((arg) =>
      fc
        .tuple(fc.nat(9), arg.name === 'waitSeconds' ? shortWaits : literalOf(arg.type))
        .map(([jitter, value]) => (jitter < (isNonNullType(arg.type) ? 10 : 3) ? `${arg.name}: ${value}` : '')),
    )
    const type = getNamedType(field.type)
    const selected = isCompositeType(type) ? selectionOf(type, depth - 1) : fc.constant('')
    const extra = fc.oneof(
      { weight: 40, arbitrary: fc.constant('') },
      { weight: 2, arbitrary: fc.constantFrom(' @include(if: true)', ' @skip(if: false)') },
      { weight: 1, arbitrary: fc.constantFrom(' @skip(if: $v0)', ' @unknown') },
    )
    // With other arguments a field needs another name.
    const named = field.args.length > 0 ? 6 : 0
    const alias = fc.oneof(
      { weight: 30, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.constantFrom('a: ', 'b: ', '__c: ') },
      { weight: 30 * named, arbitrary: fc.nat(999).map((number) => `a${number}: `) },
    )
    return fc.tuple(alias, fc.tuple(...args), extra, selected).map(([before, given, after, rest]) => {
      const withTimeout = given.filter((each) => each !== '').join(', ')
      return `${before}${field.name}${withTimeout === '' ? '' : `(${withTimeout})`}${after} ${rest}`
    })
  }

  function selectionOf(type: GraphQLNamedType, depth: number): fc.Arbitrary<string> {
    const name = `${type.name} ${depth}`
    const known = selections.get(name)
    if (known !== undefined) return known
    if (depth <= 0) return fc.constant('{ __typename }')
    const fields = isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : []
    const parts = isUnionType(type) || isInterfaceType(type) ? schema.getPossibleTypes(type) : []
    // A repeated one weighs more: that orders and their answers can be told is worth it.
    const withTimeout = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('__typename', '... { __typename }') },
      { weight: 1, arbitrary: fc.constantFrom('...Known', 'unknown') },
      ...(fields.length === 0
        ? []
        : [{ weight: 40, arbitrary: fc.constantFrom(...fields).chain((field) => fieldOf(type, field, depth)) }]),
      ...(parts.length === 0
        ? []
        : [
            {
              weight: 25,
              arbitrary: fc
                .constantFrom(...parts)
                .chain((part) => selectionOf(part, depth - 1).map((rest) => `... on ${part.name} ${rest}`)),
            },
          ]),
    )
    const always = type.name === 'SeparateResult' ? '... on SeparateSuccess { reused task { id } } ' : ''
    const made = fc.array(withTimeout, { minLength: 1, maxLength: 4 }).map((items) => `{ ${always}${items.join(' ')} }`)
    selections.set(name, made)
    return made
  }

  function operation(kind: 'query' | 'mutation' | 'subscription', type: GraphQLNamedType): fc.Arbitrary<string> {
    const head = fc.constantFrom('', '', ' Named', '', '', ' Named($v0: Boolean = true)', '($v0: ID)')
    return fc.tuple(head, selectionOf(type, deepest)).map(([name, rest]) => `${kind}${name} ${rest}`)
  }

  const order = fc
    .tuple(
      literalOf(schema.getType('SeparationType') as GraphQLInputType),
      fc.constantFrom('KIE', 'APIKLEY'),
      selectionOf(schema.getType('SeparateResult') ?? missing(), 3),
    )
    .map(
      ([type, provider, rest]) =>
        `mutation { separate(input: { musicTaskId: "${places.track}", audioId: "${places.track}", type: ${type}, provider: ${provider} }) ${rest} }`,
    )
  const fragment = fc.constantFrom(
    '',
    '',
    '',
    '',
    '',
    '',
    ' fragment Known on SeparationTask { id status }',
    ' fragment Known on Query { ...Known }',
  )
  const kinds = fc.oneof(
    { weight: 10, arbitrary: operation('query', schema.getQueryType() ?? missing()) },
    { weight: 2, arbitrary: operation('mutation', schema.getMutationType() ?? missing()) },
    { weight: 2, arbitrary: operation('subscription', schema.getSubscriptionType() ?? missing()) },
    { weight: 1, arbitrary: order },
  )
  const several = fc.oneof(
    { weight: 9, arbitrary: kinds },
    { weight: 1, arbitrary: fc.tuple(kinds, kinds).map((both) => both.join(' ')) },
  )
  return fc.tuple(several, fragment).map((parts) => parts.join(''))
}

function missing(): never {
  throw new Error('The schema lacks a type that it has to have.')
}
