import type { Operation } from './transports.ts'

/** A document that asks for more than is good, in one of the ways that are known; a few are carried out, and do no harm. */
export interface HostileDocument extends Operation {
  readonly family: string
  /** Its number within the family, and what is special about it. */
  readonly name: string
}

/** Sizes at which limits are met, passed by little, and passed by far. */
const sizes = [10, 60, 120, 400, 1_000, 1_990, 3_000, 8_000]
const levels = [3, 11, 13, 40, 300, 1_500, 5_000]

/** As one separation is ordered; no document holds exactly one, under one name, that would be carried out. */
const oneOrder = 'separate(input: { musicTaskId: "hostile", audioId: "done" }) { __typename }'

const families: Readonly<Record<string, () => readonly (string | Operation)[]>> = {
  'many fields': () => [
    ...sizes.map((size) => `{ ${times(size, () => 'nothing')} }`),
    ...sizes.slice(0, 6).map((size) => `{ ${times(size, (i) => `nothing${i}`)} }`),
  ],
  'the same field again and again': () => [
    ...sizes.slice(0, 7).map((size) => `{ ${times(size, () => '__typename')} nothing }`),
    ...sizes.slice(0, 4).map((size) => `{ ${times(size, () => 'node(id: "x") { id }')} nothing }`),
  ],
  deep: () => [
    ...levels.map((level) => `{ ${'... { '.repeat(level)} nothing ${'}'.repeat(level)} }`),
    ...levels.slice(0, 6).map((level) => `{ ${'... on Query { '.repeat(level)} nothing ${'}'.repeat(level)} }`),
    ...levels.map((level) => `{ ${'a { '.repeat(level)} a ${'}'.repeat(level)} }`),
    ...levels.map((level) => `{ ${'a { '.repeat(level)}`),
  ],
  'fragments in a circle': () => [
    ...[1, 2, 3, 12, 60, 200].map(
      (size) => `{ ...f0 } ${times(size, (i) => `fragment f${i} on Query { ...f${(i + 1) % size} }`)}`,
    ),
    ...[2, 12, 40].map((size) => {
      const everyOther = times(size, (to) => `...f${to}`)
      return `{ ...f0 } ${times(size, (i) => `fragment f${i} on Query { ${everyOther} }`)}`
    }),
    `mutation { ...f } fragment f on Mutation { ...f ${oneOrder} }`,
    'subscription { ...f } fragment f on Subscription { ...f separationUpdated(taskId: "x") { id } }',
  ],
  'spreads that multiply': () => [
    ...[8, 20, 40, 60, 120].flatMap((size) => [
      chain(size, 'Query', (next) => `...${next} ...${next}`, '{ ...f0 }', 'nothing'),
      chain(size, 'Query', (next) => `... { ...${next} } ... { ...${next} }`, '{ ...f0 }', 'nothing'),
      chain(size, '__Type', (next) => `ofType { ...${next} } ofType { ...${next} }`, ofString, 'nothing'),
      chain(size, '__Type', (next) => `a: ofType { ...${next} } b: ofType { ...${next} }`, ofString, 'nothing'),
      chain(size, '__Type', (next) => `ofType { ...${next} ...${next} }`, ofString, 'nothing'),
    ]),
    ...[10, 40].map(
      (size) => `{ ${times(size, () => '...f')} } fragment f on Query { ${times(size, () => '...g')} }
        fragment g on Query { ${times(size, (i) => `a${i}: nothing`)} }`,
    ),
  ],
  'floods of tokens': () => [
    ...sizes.map((size) => `{ node(id: [${times(size, () => '1')}]) { id } }`),
    ...['{', '(', '[', '!', '@', '...', '"', '$', ':', '}', '|'].map((token) => token.repeat(5_000)),
    `# ${'x'.repeat(50_000)}`,
    `${'#\n'.repeat(20_000)}{ nothing }`,
    `${','.repeat(50_000)}{ nothing }`,
    `${' '.repeat(50_000)}{ nothing }`,
    `${'\n'.repeat(20_000)}{ nothing }`,
  ],
  'floods of aliases': () => [
    ...sizes.slice(0, 6).map((size) => `{ ${times(size, (i) => `a${i}: __typename`)} nothing }`),
    ...[101, 190, 300].map((size) => `{ ${times(size, (i) => `a${i}: separation(taskId: "x") { id }`)} }`),
    ...[101, 200].map((size) => `{ ${times(size, (i) => `a${i}: separations(first: 100) { edges { cursor } }`)} }`),
    `{ ...f ...f } fragment f on Query { ${times(101, (i) => `a${i}: __typename`)} }`,
  ],
  'floods of directives': () => [
    ...[51, 200, 390].map((size) => `{ ${times(size, () => '__typename @skip(if: false)')} }`),
    ...[51, 200, 390].map((size) => `{ __typename ${times(size, () => '@skip(if: false)')} }`),
    ...[10, 60, 900].map((size) => `{ __typename ${times(size, (i) => `@unknown${i}`)} }`),
    ...[10, 60, 900].map((size) => `query ${times(size, () => '@a')} { __typename }`),
    `{ ...f ${times(60, () => '@include(if: true)')} } fragment f on Query @deprecated { __typename }`,
    'query ($a: Boolean = true @skip(if: $a)) { __typename }',
  ],
  'huge literals': () => [
    `{ separation(taskId: 1, provider: "${'x'.repeat(50_000)}") { id } }`,
    `{ separations(first: ${'9'.repeat(50_000)}) { edges { cursor } } }`,
    `{ separations(first: -${'9'.repeat(20_000)}) { edges { cursor } } }`,
    `{ separations(first: 1e${'9'.repeat(20_000)}) { edges { cursor } } }`,
    `{ separations(first: 0.${'1'.repeat(50_000)}) { edges { cursor } } }`,
    `{ separations(after: "${'x'.repeat(50_000)}") { edges { cursor } } }`,
    `{ separations(after: "${'\\u0041'.repeat(9_000)}", first: 1) { edges { node } } }`,
    `{ separations(where: { status: [${times(1_500, () => 'PENDNG')}] }) { edges { cursor } } }`,
    `{ separations(where: { status: ${'['.repeat(900)}${']'.repeat(900)} }) { edges { cursor } } }`,
    `{ separations(where: { status: ${'['.repeat(5_000)}${']'.repeat(5_000)} }) { edges { cursor } } }`,
    `{ separations(where: ${'{ a: '.repeat(450)} 1 ${'}'.repeat(450)}) { edges { cursor } } }`,
    `{ separations(where: { ${times(600, (i) => `a${i}: 1`)} }) { edges { cursor } } }`,
    `{ separations(where: { ${times(600, () => 'audioId: "1"')} }) { edges { cursor } } }`,
    `{ separations(first: "${' '.repeat(50_000)}") { edges { cursor } } }`,
    `{ ${'x'.repeat(50_000)} }`,
    `{ ${'x'.repeat(25_000)}: ${'y'.repeat(25_000)} }`,
    `{ node(id: "x") { ... on ${'T'.repeat(50_000)} { id } } }`,
    `query ${'n'.repeat(50_000)} { nothing }`,
    `query ($${'v'.repeat(20_000)}: ${'T'.repeat(20_000)}) { nothing }`,
    `query ($v: ${'['.repeat(900)}Int${']'.repeat(900)}) { nothing }`,
    `query ($v: ${'['.repeat(10_000)}Int${']'.repeat(10_000)}) { nothing }`,
  ],
  'block strings': () => [
    `{ separation(taskId: """${'x'.repeat(50_000)}""") { nothing } }`,
    `{ separation(taskId: """${'\n'.repeat(25_000)}""") { nothing } }`,
    `{ separation(taskId: """${' \n'.repeat(15_000)}x""") { nothing } }`,
    `{ separation(taskId: """${'\\"""'.repeat(8_000)}""") { nothing } }`,
    `{ separation(taskId: """${'x'.repeat(50_000)}`,
    `{ separation(taskId: ${'""'.repeat(900)}) { nothing } }`,
    `"""${'x'.repeat(10_000)}""" { nothing }`,
  ],
  unicode: () => [
    '\uFEFF\uFEFF\uFEFF{ nothing }',
    '{ \uFEFF nothing \uFEFF }',
    '{ nothing\u0000 }',
    '\u0000',
    '{ node(id: "\u0000") { id } }',
    '{ \uD800 }',
    '{ node(id: "\uD800") { nothing } }',
    '{ node(id: "\\uD800") { id } }',
    '{ node(id: "\\uDC00\\uD800") { id } }',
    '{ node(id: "\\u{110000}") { id } }',
    '{ node(id: "\\u{FFFFFFFFFFFFFFFF}") { id } }',
    `{ node(id: "\\u{${'0'.repeat(20_000)}41}") { nothing } }`,
    '{ n\u043Ede(id: "x") { id } }',
    '{ node\u200B(id: "x") { id } }',
    '{ \u202Egnihton }',
    `{ node(id: "${'e\u0301'.repeat(10_000)}") { nothing } }`,
    `{ node(id: "${'\u{1F468}\u200D\u{1F469}\u200D'.repeat(2_000)}") { nothing } }`,
    '{ __proto__ }',
    '{ constructor { prototype } }',
    '{ toString hasOwnProperty }',
    '{ __proto__: nothing constructor: nothing }',
    'query __proto__ { nothing } query constructor { nothing }',
    '{ ...__proto__ } fragment __proto__ on Query { nothing }',
    '{ ...constructor }',
    '{ ... on __proto__ { id } }',
    '{ separations(where: { __proto__: { audioId: "x" } }) { edges { cursor } } }',
    '{ __typename @constructor }',
    'query ($__proto__: constructor) { nothing }',
  ],
  introspection: () => [
    ...[2, 4, 6, 20, 150].map((level) => `{ __schema { types ${nested(level, 'fields { type ', '}')} nothing } }`),
    ...[2, 4, 6, 20, 150].map((level) => `{ __schema { types ${nested(level, 'possibleTypes ', '')} nothing } }`),
    ...[4, 20].map((level) => `{ __schema { types ${nested(level, 'interfaces { possibleTypes ', '}')} nothing } }`),
    ...[10, 45, 90].map((size) => `{ ${times(size, (i) => `a${i}: __schema { types { name nothing } }`)} }`),
    ...[20, 45].map(
      (size) => `{ ${times(size, (i) => `a${i}: __schema { types { fields { args { name type { name } } } } }`)} }`,
    ),
    ...[3, 8, 20].map((size) =>
      chain(size, '__Type', (next) => `fields { type { ...${next} } }`, '{ __schema { types { ...f0 } } }', 'nothing'),
    ),
  ],
  'many operations': () => [
    ...[2, 50, 300].map((size) => times(size, (i) => `query q${i} { __typename }`)),
    ...[2, 50, 300].map((size) => times(size, () => 'query same { __typename }')),
    ...[2, 50, 300].map((size) => times(size, () => '{ __typename }')),
    ...[2, 50].map((size) => times(size, (i) => `mutation m${i} { ${oneOrder} }`)),
    { query: times(50, (i) => `query q${i} { __typename }`), operationName: 'q51' },
    { query: times(50, (i) => `query q${i} { __typename }`), operationName: 'x'.repeat(20_000) },
    'type Query { a: Int } { __typename nothing }',
    'extend type Query { a: Int }',
    `schema { query: Query } ${times(200, (i) => `scalar S${i}`)}`,
    `${times(300, (i) => `fragment f${i} on Query { nothing }`)} { __typename }`,
    `${times(300, () => 'fragment f on Query { __typename }')} { ...f }`,
  ],
  'fields that conflict': () => [
    ...[10, 90, 150].map((size) => `{ ${times(size, (i) => `a: node(id: "${i}") { id }`)} }`),
    ...[10, 45, 90].map((size) => `{ ${times(size, (i) => `a: f${i}`)} }`),
    ...[5, 20, 60].map(
      (size) => `{ ${times(size, (i) => `...f${i}`)} } ${times(size, (i) => `fragment f${i} on Query { a: x${i} }`)}`,
    ),
    ...[3, 7].map((size) => `{ ${both(size)} }`),
    ...[5, 20, 60].map((size) =>
      chain(size, '__Type', (next) => `ofType { name ...${next} } ofType { name: kind ...${next} }`, ofString, 'kind'),
    ),
    ...[5, 20].map(
      (size) =>
        `{ a { ${times(size, (i) => `...f${i}`)} } a { ${times(size, (i) => `...f${size - 1 - i}`)} } }
        ${times(size, (i) => `fragment f${i} on Query { a { ${times(size, (to) => (to === i ? 'x' : `...f${to}`))} } }`)}`,
    ),
  ],
  variables: () => [
    `query (${times(300, (i) => `$v${i}: Int = ${i}`)}) { nothing }`,
    `query (${times(250, () => '$v: Int')}) { nothing }`,
    `query ($v: String = "${'x'.repeat(50_000)}") { separations(after: $v) { nothing } }`,
    `query ($v: [SeparationStatus!] = [${times(1_900, () => 'PENDING')}]) { separations(where: { status: $v }) { nothing } }`,
    `query ($v: SeparationFilter = ${'{ a: '.repeat(400)} 1 ${'}'.repeat(400)}) { separations(where: $v) { nothing } }`,
    {
      query: 'query ($v: SeparationFilter) { separations(where: $v) { edges { cursor } } }',
      variables: { v: { status: Array.from({ length: 5_000 }, () => 'NONSENSE') } },
    },
    {
      query: 'query ($v: SeparationFilter) { separations(where: $v) { edges { cursor } } }',
      variables: { v: Object.fromEntries(Array.from({ length: 4_000 }, (_, i) => [`a${i}`, i])) },
    },
    {
      query: 'query ($v: SeparationFilter) { separations(where: $v) { edges { cursor } } }',
      variables: { v: nestedList(1_000) },
    },
    {
      query: 'query ($v: ID!) { separation(taskId: $v) { id } }',
      variables: { v: nestedList(1_000) },
    },
    { query: 'query ($v: Int) { separations(first: $v) { edges { cursor } } }', variables: { v: 1e300 } },
    { query: 'query ($v: Int) { separations(first: $v) { edges { cursor } } }', variables: { v: 'x'.repeat(50_000) } },
    { query: 'query ($v: Int) { separations(first: $v) { edges { cursor } } }', variables: { v: ' '.repeat(60_000) } },
    { query: 'query ($v: Provider) { separation(taskId: "x", provider: $v) { id } }', variables: { v: '__proto__' } },
    {
      query: 'mutation ($v: SeparateInput!) { separate(input: $v) { __typename } }',
      variables: { v: { audioId: 'x', musicTaskId: nestedList(100) } },
    },
    {
      query: 'mutation ($v: SeparateInput!) { separate(input: $v) { __typename } }',
      variables: { v: { audioId: 'x', musicTaskId: 'x', ['y'.repeat(20_000)]: 1 } },
    },
  ],
  'several orders': () => [
    ...[2, 20, 100].map((size) => `mutation { ${times(size, (i) => `a${i}: ${oneOrder}`)} }`),
    ...[2, 20].map((size) => `mutation { ${times(size, (i) => `... { a${i}: ${oneOrder} }`)} }`),
    `mutation { ...f ...g } fragment f on Mutation { a: ${oneOrder} } fragment g on Mutation { b: ${oneOrder} }`,
    `mutation ($no: Boolean = false) { a: ${oneOrder} b: ${oneOrder} @include(if: $no) }`,
    chain(40, 'Mutation', (next) => `...${next} ...${next}`, 'mutation { ...f0 }', `a: ${oneOrder} b: ${oneOrder}`),
    `query { ${oneOrder} }`,
    `subscription { ${oneOrder} }`,
    `mutation { ${oneOrder} separate(input: { musicTaskId: "other", audioId: "done" }) { __typename } }`,
  ],
  subscriptions: () => [
    ...[2, 50, 150].map(
      (size) => `subscription { ${times(size, (i) => `a${i}: separationUpdated(taskId: "${i}") { id }`)} }`,
    ),
    'subscription { separationUpdated(taskId: "x") { id } __typename }',
    'subscription { __typename }',
    'subscription { ...f ...g } fragment f on Subscription { a: separationUpdated(taskId: "x") { id } } fragment g on Subscription { b: separationUpdated(taskId: "y") { id } }',
    'subscription { separationUpdated(taskId: "x") { nothing } }',
    'subscription { separationUpdated { id } }',
    chain(40, 'Subscription', (next) => `...${next} ...${next}`, 'subscription { ...f0 }', 'nothing'),
  ],
}

const ofString = '{ __type(name: "String") { ...f0 } }'

/** Every one of them. */
export function hostileDocuments(): readonly HostileDocument[] {
  return Object.entries(families).flatMap(([family, make]) =>
    make().map((each, index) => {
      const operation = typeof each === 'string' ? { query: each } : each
      const start = operation.query.slice(0, 60).replaceAll(/[^\x20-\x7e]+/g, ' ')
      return { ...operation, family, name: `${family} ${index + 1}: ${start}` }
    }),
  )
}

/** Documents that no request and no message of a socket can hold. */
export function tooLargeDocuments(): readonly string[] {
  const size = 64 * 1024
  return [
    `{ ${'__typename '.repeat(size / 8)} }`,
    `{ __typename } #${'x'.repeat(size)}`,
    `${' '.repeat(size)}{ __typename }`,
    `{ separation(taskId: "${'\u{1F600}'.repeat(size / 4)}") { id } }`,
  ]
}

function times(count: number, make: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => make(index)).join(' ')
}

/** Fragments `f0`, `f1` and so on, each of which leads to the next one; the last one holds `end`. */
function chain(length: number, type: string, toNext: (next: string) => string, start: string, end: string): string {
  const fragments = times(length, (i) => `fragment f${i} on ${type} { ${toNext(`f${i + 1}`)} }`)
  return `${start} ${fragments} fragment f${length} on ${type} { ${end} }`
}

function nested(level: number, open: string, close: string): string {
  return `${`{ ${open}`.repeat(level)}{ name }${`${close} }`.repeat(level)}`
}

/** Twice the same field, and within each again. */
function both(level: number): string {
  return level === 0 ? 'x: a x: b' : `a { ${both(level - 1)} } a { ${both(level - 1)} }`
}

function nestedList(level: number): unknown {
  let list: unknown = 'x'
  for (let i = 0; i < level; i++) list = [list]
  return list
}
