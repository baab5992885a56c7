import { readdir, readFile } from 'node:fs/promises'
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  introspectionFromSchema,
  isAbstractType,
  isSpecifiedDirective,
  lexicographicSortSchema,
  parse,
  print,
  printSchema,
  printType,
  validate,
  type IntrospectionField,
  type IntrospectionInputValue,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { ListDocument, ReadDocument, SeparateDocument, WatchDocument } from '../../schema/operations.ts'
import { schemaText } from '../../src/graphql/schema/print-schema.ts'
import { createSchema } from '../../src/graphql/schema/schema.ts'
import { collect, order, startGateway } from '../support/gateway.ts'

const schemaFile = new URL('../../schema/schema.graphql', import.meta.url)
const possibleTypesFile = new URL('../../schema/possible-types.json', import.meta.url)
const operationsFolder = new URL('../../schema/operations/', import.meta.url)

test('schema/schema.graphql matches the schema', async () => {
  expect(await readFile(schemaFile, 'utf8')).toBe(schemaText(createSchema()))
  expect(printSchema(buildSchema(schemaText(createSchema())))).toBe(schemaText(createSchema()).trimEnd())
})

test('schema/possible-types.json lists the types of every union and interface', async () => {
  const schema = createSchema()
  const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType)
  const names = abstract.map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)])
  expect(JSON.parse(await readFile(possibleTypesFile, 'utf8'))).toEqual(Object.fromEntries(names))
})

test('a running gateway serves the same schema', async () => {
  const gateway = await startGateway()
  const { data } = await gateway.ask(getIntrospectionQuery({ schemaDescription: true, specifiedByUrl: true }))
  const report = buildClientSchema(JSON.parse(JSON.stringify(data)))
  expect(`${printSchema(lexicographicSortSchema(report))}
`).toBe(schemaText(createSchema()))
})

test('every type, field, argument and enum value has a description', () => {
  const { __schema: report } = introspectionFromSchema(createSchema())
  const { types, directives } = report
  const described: { readonly name: string; readonly description?: string | null | undefined }[] = []
  const add = (owner: string, parts: readonly (IntrospectionField | IntrospectionInputValue)[]) => {
    for (const part of parts) {
      described.push({ name: `${owner}.${part.name}`, description: part.description })
      if ('args' in part) add(`${owner}.${part.name}`, part.args)
    }
  }
  for (const type of types.filter(({ name }) => !name.startsWith('__'))) {
    described.push(type)
    if (type.kind === 'OBJECT' || type.kind === 'INTERFACE') add(type.name, type.fields)
    if (type.kind === 'INPUT_OBJECT') add(type.name, type.inputFields)
    if (type.kind === 'ENUM') {
      for (const { name, description } of type.enumValues) described.push({ name: `${type.name}.${name}`, description })
    }
  }
  for (const directive of directives) add(`@${directive.name}`, directive.args)
  expect(described.length).toBeGreaterThan(150)
  expect(described.filter(({ description }) => !description?.trim()).map(({ name }) => name)).toEqual([])
  expect(createSchema().getDirectives().every(isSpecifiedDirective)).toBe(true)
})

describe('the GraphQL contract', () => {
  /** A type as one line per member, sorted, without descriptions. */
  function linesOf(name: string): string[] {
    const type = createSchema().getType(name)
    if (type === undefined) throw new Error(`There is no ${name}.`)
    const bare = printType(type).replace(/^\s*"""[\s\S]*?"""\n/gm, '')
    const [heading = '', ...members] = bare
      .replace(
        /\(\s*([^)]*?)\s*\)/g,
        (_all, args: string) =>
          `(${args
            .split(/\s*\n\s*/)
            .filter(Boolean)
            .join(', ')})`,
      )
      .split('\n')
    return [
      heading.replace(/ \{$/, ''),
      ...members
        .map((line) => line.trim())
        .filter((line) => line !== '' && line !== '}')
        .toSorted(),
    ]
  }

  const types: Readonly<Record<string, readonly [heading: string, ...members: string[]]>> = {
    SeparationTask: [
      'type SeparationTask implements Node',
      'id: ID!',
      'provider: Provider!',
      'providerTaskId: ID',
      'type: SeparationType',
      'status: SeparationStatus!',
      'phase: SeparationPhase!',
      'settled: Boolean!',
      'revision: Int!',
      'musicTaskId: ID',
      'archiveUrl: URL',
      'audioId: ID',
      'reference: String',
      'musicId: ID',
      'originUrl: URL',
      'stems: Stems',
      'allStems: [Stem!]!',
      'failure: SeparationFailure',
      'charge: Charge!',
      'createdAt: DateTime!',
      'updatedAt: DateTime!',
      'expectedAt: DateTime',
      'events: [SeparationEvent!]!',
      'completedAt: DateTime',
      'expiresAt: DateTime',
      'filesAvailable: Boolean!',
    ],
    Node: ['interface Node', 'id: ID!'],
    Provider: ['enum Provider', 'KIE', 'APIKLEY', 'SUNOAPI', 'SANDBOX'],
    SeparationType: ['enum SeparationType', 'SEPARATE_VOCAL', 'SPLIT_STEM'],
    SeparationPhase: [
      'enum SeparationPhase',
      'QUEUED',
      'SENDING',
      'UNCONFIRMED',
      'PROCESSING',
      'COLLECTING',
      'SETTLED',
    ],
    SeparationEvent: ['type SeparationEvent', 'type: SeparationEventType!', 'at: DateTime!'],
    SeparationEventType: [
      'enum SeparationEventType',
      'ORDERED',
      'SENT',
      'UNANSWERED',
      'ACCEPTED',
      'REFUSED',
      'RESOLVED',
      'CALLBACK',
      'CHECKED',
      'SETTLED',
    ],
    SeparationStatus: [
      'enum SeparationStatus',
      'PENDING',
      'SUCCESS',
      'CREATE_TASK_FAILED',
      'GENERATE_AUDIO_FAILED',
      'CALLBACK_EXCEPTION',
    ],
    Charge: ['enum Charge', 'NONE', 'CHARGED', 'MAYBE'],
    SeparationFailure: [
      'type SeparationFailure',
      'code: SeparationFailureCode!',
      'providerCode: Int',
      'message: String!',
      'refusal: RefusalReason',
    ],
    RefusalReason: [
      'enum RefusalReason',
      'INVALID_INPUT',
      'TRACK_NOT_FOUND',
      'INSUFFICIENT_CREDITS',
      'RATE_LIMITED',
      'REFUSED',
      'UNAVAILABLE',
    ],
    SeparationFailureCode: [
      'enum SeparationFailureCode',
      'SUBMISSION_REFUSED',
      'SUBMISSION_UNCONFIRMED',
      'CREATION_FAILED',
      'GENERATION_FAILED',
      'CALLBACK_FAILED',
      'NO_RESULT',
    ],
    Stems: ['union Stems = VocalStems | InstrumentStems'],
    StemSet: ['interface StemSet', 'all: [Stem!]!', 'missing: [StemPart!]!'],
    VocalStems: [
      'type VocalStems implements StemSet',
      'all: [Stem!]!',
      'missing: [StemPart!]!',
      'vocal: Stem',
      'instrumental: Stem',
    ],
    InstrumentStems: [
      'type InstrumentStems implements StemSet',
      'all: [Stem!]!',
      'missing: [StemPart!]!',
      'vocal: Stem',
      'backingVocals: Stem',
      'drums: Stem',
      'bass: Stem',
      'guitar: Stem',
      'piano: Stem',
      'keyboard: Stem',
      'percussion: Stem',
      'strings: Stem',
      'synth: Stem',
      'fx: Stem',
      'brass: Stem',
      'woodwinds: Stem',
    ],
    Stem: [
      'type Stem implements Node',
      'id: ID!',
      'part: StemPart!',
      'label: String',
      'url: URL!',
      'providerUrl: URL!',
      'durationSeconds: Float',
      'format: AudioFormat',
      'sizeBytes: Float',
      'peaks(buckets: Int!): [Float!]',
      'expiresAt: DateTime',
      'archived: Boolean!',
    ],
    AudioFormat: ['enum AudioFormat', 'MP3', 'WAV', 'FLAC', 'OGG', 'M4A', 'AAC'],
    StemPart: [
      'enum StemPart',
      'VOCAL',
      'INSTRUMENTAL',
      'BACKING_VOCALS',
      'DRUMS',
      'BASS',
      'GUITAR',
      'PIANO',
      'KEYBOARD',
      'PERCUSSION',
      'STRINGS',
      'SYNTH',
      'FX',
      'BRASS',
      'WOODWINDS',
      'OTHER',
    ],
    Mutation: [
      'type Mutation',
      'separate(input: SeparateInput!, waitSeconds: Int! = 0): SeparateResult!',
      'separateAll(inputs: [SeparateInput!]!): [SeparateAllItem!]!',
    ],
    SeparateAllItem: ['type SeparateAllItem', 'index: Int!', 'idempotencyKey: String', 'result: SeparateResult'],
    SeparateInput: [
      'input SeparateInput',
      'musicTaskId: ID!',
      'audioId: ID!',
      'type: SeparationType! = SEPARATE_VOCAL',
      'provider: Provider',
      'idempotencyKey: String',
      'reference: String',
      'webhookUrl: String',
      'force: Boolean! = false',
    ],
    SeparateResult: [
      'union SeparateResult = SeparateSuccess | InvalidInputError | IdempotencyConflictError | TaskDeletedError | InsufficientCreditsError | RateLimitedError | BudgetExceededError | TrackNotFoundError | ProviderRefusedError | ProviderUnavailableError',
    ],
    SeparateSuccess: ['type SeparateSuccess', 'task: SeparationTask!', 'reused: Boolean!'],
    SeparateError: ['interface SeparateError', 'message: String!', 'retryable: Boolean!', 'task: SeparationTask'],
    InvalidInputError: [
      'type InvalidInputError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask',
      'issues: [InputIssue!]!',
    ],
    InputIssue: ['type InputIssue', 'path: [String!]!', 'message: String!'],
    IdempotencyConflictError: [
      'type IdempotencyConflictError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask!',
    ],
    InsufficientCreditsError: [
      'type InsufficientCreditsError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask',
    ],
    TaskDeletedError: [
      'type TaskDeletedError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask',
      'charge: Charge!',
    ],
    BudgetExceededError: [
      'type BudgetExceededError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask',
      'budget: Budget!',
      'retryAfterSeconds: Float!',
      'resetsAt: DateTime!',
    ],
    RateLimitedError: [
      'type RateLimitedError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask',
      'retryAfterSeconds: Float!',
    ],
    TrackNotFoundError: [
      'type TrackNotFoundError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask',
    ],
    ProviderRefusedError: [
      'type ProviderRefusedError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask',
      'providerCode: Int',
    ],
    ProviderUnavailableError: [
      'type ProviderUnavailableError implements SeparateError',
      'message: String!',
      'retryable: Boolean!',
      'task: SeparationTask',
    ],
    Query: [
      'type Query',
      'node(id: ID!): Node',
      'providers: [ProviderOffer!]!',
      'quote(provider: Provider, type: SeparationType! = SEPARATE_VOCAL): Quote!',
      'credits(provider: Provider): CreditBalance!',
      'viewer: Viewer!',
      'separation(provider: Provider, taskId: ID!, waitSeconds: Int! = 0): SeparationTask',
      'separations(after: String, before: String, first: Int, last: Int, where: SeparationFilter): SeparationConnection!',
    ],
    CreditBalance: ['type CreditBalance', 'credits: Float!', 'readAt: DateTime!'],
    ProviderOffer: [
      'type ProviderOffer',
      'name: Provider!',
      'isDefault: Boolean!',
      'allowed: Boolean!',
      'available: Boolean!',
      'paused: Boolean!',
      'retentionDays: Float!',
      'quotes: [Quote!]!',
    ],
    Quote: ['type Quote', 'provider: Provider!', 'type: SeparationType!', 'credits: Float', 'allowed: Boolean!'],
    Viewer: [
      'type Viewer',
      'name: String!',
      'requests: RateLimit!',
      'orders: RateLimit!',
      'budgets: [Budget!]!',
      'subscriptions: SlotLimit!',
    ],
    Budget: [
      'type Budget',
      'kind: BudgetKind!',
      'period: BudgetPeriod!',
      'limit: Float!',
      'used: Float!',
      'resetsAt: DateTime!',
    ],
    BudgetKind: ['enum BudgetKind', 'ORDERS', 'SEPARATE_VOCAL', 'SPLIT_STEM', 'CREDITS'],
    BudgetPeriod: ['enum BudgetPeriod', 'DAY', 'MONTH'],
    RateLimit: ['type RateLimit', 'perMinute: Int!', 'remaining: Int!', 'resetsAt: DateTime'],
    SlotLimit: ['type SlotLimit', 'max: Int!', 'remaining: Int!'],
    SeparationFilter: [
      'input SeparationFilter',
      'status: [SeparationStatus!]',
      'type: SeparationType',
      'provider: Provider',
      'audioId: ID',
      'musicTaskId: ID',
      'reference: String',
      'referencePrefix: String',
      'settled: Boolean',
      'charge: [Charge!]',
      'failureCode: [SeparationFailureCode!]',
      'createdAfter: DateTime',
      'createdBefore: DateTime',
    ],
    Subscription: [
      'type Subscription',
      'separationUpdated(provider: Provider, taskId: ID!): SeparationTask',
      'separationsUpdated(ids: [ID!], since: DateTime, where: SeparationFilter): SeparationTask!',
    ],
  }

  test.each(Object.entries(types))('keeps %s unchanged', (name, [heading, ...members]) => {
    const [actualHeading = '', ...actual] = linesOf(name)
    const membersOf = (union: string) => union.split(/ = | \| /).toSorted()
    expect(membersOf(actualHeading)).toEqual(membersOf(heading))
    const argumentsSorted = actual.map((line) =>
      line.replace(/\((.*)\)/, (_all, args: string) => `(${args.split(', ').toSorted().join(', ')})`),
    )
    expect(argumentsSorted).toEqual(members.toSorted())
  })

  test('has no other types', () => {
    const names = Object.keys(createSchema().getTypeMap()).filter((name) => !name.startsWith('__'))
    const scalars = ['Boolean', 'DateTime', 'Float', 'ID', 'Int', 'String', 'URL']
    const pages = ['PageInfo', 'SeparationConnection', 'SeparationEdge']
    expect(names.toSorted()).toEqual([...Object.keys(types), ...scalars, ...pages].toSorted())
  })
})

describe('the operations for frontends', () => {
  test('are valid in the schema', async () => {
    const names = (await readdir(operationsFolder)).filter((name) => name.endsWith('.graphql'))
    expect(names.toSorted()).toEqual([
      'dashboard.graphql',
      'list.graphql',
      'overview.graphql',
      'read.graphql',
      'separate-all.graphql',
      'separate.graphql',
      'separation-fields.graphql',
      'watch.graphql',
    ])
    const texts = await Promise.all(names.map((name) => readFile(new URL(name, operationsFolder), 'utf8')))
    expect(validate(createSchema(), parse(texts.join('\n')))).toEqual([])
  })

  test('spread every type of a union, for clients that do not know the types of an interface', () => {
    const schema = createSchema()
    const separate = schema.getType('SeparateResult')
    const stems = schema.getType('Stems')
    if (!isAbstractType(separate) || !isAbstractType(stems)) throw new Error('These are no unions.')
    const text = print(SeparateDocument)
    for (const { name } of schema.getPossibleTypes(separate)) {
      const [, fields = ''] = new RegExp(`\\.\\.\\. on ${name} \\{([^{}]*)`).exec(text) ?? []
      expect({ name, fields }).toEqual({
        name,
        fields: expect.stringMatching(name === 'SeparateSuccess' ? /\breused\b/ : /\bmessage\s+retryable\b/),
      })
    }
    for (const { name } of schema.getPossibleTypes(stems)) expect(text).toMatch(`... on ${name} {`)
  })

  test.each([
    { name: 'list', document: ListDocument },
    { name: 'read', document: ReadDocument },
    { name: 'separate', document: SeparateDocument },
    { name: 'watch', document: WatchDocument },
  ])('have types that match their files ($name)', async ({ name, document }) => {
    const text = await Promise.all(
      [name, 'separation-fields'].map((each) => readFile(new URL(`${each}.graphql`, operationsFolder), 'utf8')),
    )
    expect(print(document)).toBe(print(parse(text.join('\n'))))
  })

  test('run against a gateway', async () => {
    const gateway = await startGateway()
    const taskId = await order(gateway, { audioId: 'done', type: 'SPLIT_STEM' })
    const report = await collect(gateway.connect(), WatchDocument, { taskId })
    const task = report.at(-1)?.separationUpdated
    expect(task).toMatchObject({ id: taskId, status: 'SUCCESS', stems: { __typename: 'InstrumentStems' } })
    expect((await gateway.send(ReadDocument, { taskId })).data?.separation).toEqual(task)
    const listed = await gateway.send(ListDocument, { first: 1, where: { status: ['SUCCESS'] } })
    expect(listed.data?.separations.edges).toEqual([{ node: task }])
  })

  test.each([
    {
      audioId: '',
      expected: { __typename: 'InvalidInputError', retryable: false, issues: [{ path: ['input', 'audioId'] }] },
    },
    { audioId: 'no-credits', expected: { __typename: 'InsufficientCreditsError', retryable: false } },
    { audioId: 'rate-limited', expected: { __typename: 'RateLimitedError', retryable: true } },
    { audioId: 'maintenance', expected: { __typename: 'ProviderUnavailableError', retryable: true } },
    { audioId: 'no-such-track', expected: { __typename: 'TrackNotFoundError', retryable: false } },
  ])('tell why an order is not taken ($expected.__typename)', async ({ audioId, expected }) => {
    const gateway = await startGateway()
    const { data, errors } = await gateway.send(SeparateDocument, { input: { musicTaskId: 'my-music', audioId } })
    expect(errors).toBeUndefined()
    expect(data?.separate).toMatchObject({ message: expect.stringMatching(/\w/), ...expected })
  })

  test('report a key that was used for another order', async () => {
    const gateway = await startGateway()
    const input = { musicTaskId: 'my-music', audioId: 'done', idempotencyKey: 'k' }
    await gateway.send(SeparateDocument, { input })
    const { data } = await gateway.send(SeparateDocument, { input: { ...input, audioId: 'slow' } })
    expect(data?.separate).toMatchObject({
      __typename: 'IdempotencyConflictError',
      retryable: false,
      task: { id: expect.stringMatching(/^sep_/) },
    })
  })
})
