// Made by `npm run codegen` from schema/operations: do not edit.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] }
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never }
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core'
/** Whether the provider has charged for a separation. */
export type Charge =
  /** Charged: the provider took the order. */
  | 'CHARGED'
  /** Not known: the answer to the order has not arrived, or never did. */
  | 'MAYBE'
  /** Not charged: the order was refused. */
  | 'NONE'

/** A provider of separations. Only those that the operator has switched on can be ordered from. */
export type Provider =
  /** Apikley */
  | 'APIKLEY'
  /** kie.ai */
  | 'KIE'
  /** The built-in provider for trying and testing: it costs nothing and plays a song of its own. */
  | 'SANDBOX'
  /** sunoapi.org */
  | 'SUNOAPI'

/** Why a provider did not take an order, by what can be done about it. Each is a type of `SeparateError`, too. */
export type RefusalReason =
  /** The operator's account at the provider is empty (`InsufficientCreditsError`). */
  | 'INSUFFICIENT_CREDITS'
  /** The provider cannot use the input (`InvalidInputError`): change it. */
  | 'INVALID_INPUT'
  /** Too many orders at once (`RateLimitedError`): order again later. */
  | 'RATE_LIMITED'
  /** A reason of its own (`ProviderRefusedError`): see `providerCode` and `message`. */
  | 'REFUSED'
  /** The provider has no such track (`TrackNotFoundError`). */
  | 'TRACK_NOT_FOUND'
  /** The provider cannot be reached, is closed for maintenance, or does not accept the key of this gateway (`ProviderUnavailableError`). */
  | 'UNAVAILABLE'

/** What to separate, and how. */
export type SeparateInput = {
  /** The provider's id of the track within that task. */
  audioId: string
  /** Order anew although the same track was separated, or is being separated, already. That charges again, and needs an idempotencyKey, so that a repeated call does not charge a third time. */
  force?: boolean
  /** A text of your own, 1 to 255 characters, that names this order. However often it is sent with the same key, it is charged once and leads to the same task. */
  idempotencyKey?: string | null | undefined
  /** The provider's id of the task that made the music. */
  musicTaskId: string
  /** Who is to separate it: the one that made the music. The operator's default provider if left out. */
  provider?: Provider | null | undefined
  /** Into what the track is separated. */
  type?: SeparationType
}

/** Why a separation failed. */
export type SeparationFailureCode =
  /** The provider failed to report its result, and no audio was found. */
  | 'CALLBACK_FAILED'
  /** The provider took the order and could not make a task of it. */
  | 'CREATION_FAILED'
  /** The provider could not separate the track. */
  | 'GENERATION_FAILED'
  /** The provider gave no result within the time that the gateway waits for one. */
  | 'NO_RESULT'
  /** The provider did not take the order. Nothing was charged. */
  | 'SUBMISSION_REFUSED'
  /** The provider never answered the order, so it may have been charged. If its result still arrives, the task becomes a success. */
  | 'SUBMISSION_UNCONFIRMED'

/** Which tasks to list: those that fit everything that is given. */
export type SeparationFilter = {
  /** Only separations of this track. */
  audioId?: string | null | undefined
  /** Only tasks that were charged so: `[CHARGED, MAYBE]` are all for which money may have been taken. */
  charge?: Array<Charge> | null | undefined
  /** Only tasks that were ordered at this time or later. */
  createdAfter?: string | null | undefined
  /** Only tasks that were ordered before this time. */
  createdBefore?: string | null | undefined
  /** Only tasks that failed for one of these reasons. */
  failureCode?: Array<SeparationFailureCode> | null | undefined
  /** Only separations of tracks that were made by this task of the provider. */
  musicTaskId?: string | null | undefined
  /** Only tasks of this provider. */
  provider?: Provider | null | undefined
  /** Only tasks that have reached their end, or only those that have not. */
  settled?: boolean | null | undefined
  /** Only tasks that stand in one of these ways. */
  status?: Array<SeparationStatus> | null | undefined
  /** Only separations of this type. */
  type?: SeparationType | null | undefined
}

/** How a separation stands, in the words that all providers share. */
export type SeparationStatus =
  /** The provider failed to report its result, and no audio was found. */
  | 'CALLBACK_EXCEPTION'
  /** The order did not become a task at the provider, or was never confirmed: see `failure`. */
  | 'CREATE_TASK_FAILED'
  /** The provider could not separate the track, or gave no result in time. */
  | 'GENERATE_AUDIO_FAILED'
  /** Ordered; no result yet. */
  | 'PENDING'
  /** Done: the stems are there. */
  | 'SUCCESS'

/** Into what a track is separated. */
export type SeparationType =
  /** Two stems: the voice, and everything else. */
  | 'SEPARATE_VOCAL'
  /** Up to thirteen stems: each voice and each kind of instrument by itself. It usually costs more. */
  | 'SPLIT_STEM'

/** Which part of the song a stem holds. */
export type StemPart =
  /** Choir and second voices. */
  | 'BACKING_VOCALS'
  /** The bass. */
  | 'BASS'
  /** Brass. */
  | 'BRASS'
  /** The drum kit. */
  | 'DRUMS'
  /** Effects and sounds. */
  | 'FX'
  /** Guitars. */
  | 'GUITAR'
  /** Everything but the voice. */
  | 'INSTRUMENTAL'
  /** Organs and other keyboards. */
  | 'KEYBOARD'
  /** A part that this gateway does not know; `label` has the provider's name for it. */
  | 'OTHER'
  /** Percussion beside the drum kit. */
  | 'PERCUSSION'
  /** The piano. Providers tell of it late: it may join the others after the rest. */
  | 'PIANO'
  /** Strings. */
  | 'STRINGS'
  /** Synthesizers. */
  | 'SYNTH'
  /** The voice: the lead voice alone, where backing vocals are a stem of their own. */
  | 'VOCAL'
  /** Woodwinds. */
  | 'WOODWINDS'

export type ListQueryVariables = Exact<{
  where?: SeparationFilter | null | undefined
  first?: number | null | undefined
  after?: string | null | undefined
}>

export type ListQuery = {
  separations: {
    edges: Array<{
      node: {
        id: string
        revision: number
        provider: Provider
        type: SeparationType | null
        status: SeparationStatus
        settled: boolean
        audioId: string | null
        charge: Charge
        createdAt: string
        completedAt: string | null
        expiresAt: string | null
        allStems: Array<{
          id: string
          part: StemPart
          label: string | null
          url: string
          durationSeconds: number | null
        }>
        stems:
          | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
          | { __typename: 'VocalStems'; missing: Array<StemPart> }
          | null
        failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
      }
    }>
    pageInfo: { hasNextPage: boolean; endCursor: string | null }
  }
}

export type ReadQueryVariables = Exact<{
  taskId: string
  provider?: Provider | null | undefined
}>

export type ReadQuery = {
  separation: {
    id: string
    revision: number
    provider: Provider
    type: SeparationType | null
    status: SeparationStatus
    settled: boolean
    audioId: string | null
    charge: Charge
    createdAt: string
    completedAt: string | null
    expiresAt: string | null
    allStems: Array<{ id: string; part: StemPart; label: string | null; url: string; durationSeconds: number | null }>
    stems:
      | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
      | { __typename: 'VocalStems'; missing: Array<StemPart> }
      | null
    failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
  } | null
}

export type SeparateMutationVariables = Exact<{
  input: SeparateInput
}>

export type SeparateMutation = {
  separate:
    | { __typename: 'IdempotencyConflictError'; message: string; retryable: boolean; task: { id: string } }
    | { __typename: 'InsufficientCreditsError'; message: string; retryable: boolean }
    | {
        __typename: 'InvalidInputError'
        message: string
        retryable: boolean
        issues: Array<{ path: Array<string>; message: string }>
      }
    | { __typename: 'ProviderRefusedError'; message: string; retryable: boolean; providerCode: number | null }
    | { __typename: 'ProviderUnavailableError'; message: string; retryable: boolean }
    | { __typename: 'RateLimitedError'; message: string; retryable: boolean; retryAfterSeconds: number }
    | {
        __typename: 'SeparateSuccess'
        reused: boolean
        task: {
          id: string
          revision: number
          provider: Provider
          type: SeparationType | null
          status: SeparationStatus
          settled: boolean
          audioId: string | null
          charge: Charge
          createdAt: string
          completedAt: string | null
          expiresAt: string | null
          allStems: Array<{
            id: string
            part: StemPart
            label: string | null
            url: string
            durationSeconds: number | null
          }>
          stems:
            | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
            | { __typename: 'VocalStems'; missing: Array<StemPart> }
            | null
          failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
        }
      }
    | { __typename: 'TrackNotFoundError'; message: string; retryable: boolean }
}

export type SeparationFieldsFragment = {
  id: string
  revision: number
  provider: Provider
  type: SeparationType | null
  status: SeparationStatus
  settled: boolean
  audioId: string | null
  charge: Charge
  createdAt: string
  completedAt: string | null
  expiresAt: string | null
  allStems: Array<{ id: string; part: StemPart; label: string | null; url: string; durationSeconds: number | null }>
  stems:
    | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
    | { __typename: 'VocalStems'; missing: Array<StemPart> }
    | null
  failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
}

export type WatchSubscriptionVariables = Exact<{
  taskId: string
}>

export type WatchSubscription = {
  separationUpdated: {
    id: string
    revision: number
    provider: Provider
    type: SeparationType | null
    status: SeparationStatus
    settled: boolean
    audioId: string | null
    charge: Charge
    createdAt: string
    completedAt: string | null
    expiresAt: string | null
    allStems: Array<{ id: string; part: StemPart; label: string | null; url: string; durationSeconds: number | null }>
    stems:
      | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
      | { __typename: 'VocalStems'; missing: Array<StemPart> }
      | null
    failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
  } | null
}

export const SeparationFieldsFragmentDoc = {
  kind: 'Document',
  definitions: [
    {
      kind: 'FragmentDefinition',
      name: { kind: 'Name', value: 'SeparationFields' },
      typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparationTask' } },
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          { kind: 'Field', name: { kind: 'Name', value: 'id' } },
          { kind: 'Field', name: { kind: 'Name', value: 'revision' } },
          { kind: 'Field', name: { kind: 'Name', value: 'provider' } },
          { kind: 'Field', name: { kind: 'Name', value: 'type' } },
          { kind: 'Field', name: { kind: 'Name', value: 'status' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'allStems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'id' } },
                { kind: 'Field', name: { kind: 'Name', value: 'part' } },
                { kind: 'Field', name: { kind: 'Name', value: 'label' } },
                { kind: 'Field', name: { kind: 'Name', value: 'url' } },
                { kind: 'Field', name: { kind: 'Name', value: 'durationSeconds' } },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'stems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: '__typename' } },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'VocalStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'InstrumentStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'failure' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'code' } },
                { kind: 'Field', name: { kind: 'Name', value: 'refusal' } },
                { kind: 'Field', name: { kind: 'Name', value: 'message' } },
              ],
            },
          },
        ],
      },
    },
  ],
} as unknown as DocumentNode<SeparationFieldsFragment, unknown>
export const ListDocument = {
  kind: 'Document',
  definitions: [
    {
      kind: 'OperationDefinition',
      operation: 'query',
      name: { kind: 'Name', value: 'List' },
      variableDefinitions: [
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'where' } },
          type: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparationFilter' } },
        },
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'first' } },
          type: { kind: 'NamedType', name: { kind: 'Name', value: 'Int' } },
        },
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'after' } },
          type: { kind: 'NamedType', name: { kind: 'Name', value: 'String' } },
        },
      ],
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'separations' },
            arguments: [
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'where' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'where' } },
              },
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'first' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'first' } },
              },
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'after' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'after' } },
              },
            ],
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                {
                  kind: 'Field',
                  name: { kind: 'Name', value: 'edges' },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      {
                        kind: 'Field',
                        name: { kind: 'Name', value: 'node' },
                        selectionSet: {
                          kind: 'SelectionSet',
                          selections: [{ kind: 'FragmentSpread', name: { kind: 'Name', value: 'SeparationFields' } }],
                        },
                      },
                    ],
                  },
                },
                {
                  kind: 'Field',
                  name: { kind: 'Name', value: 'pageInfo' },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'hasNextPage' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'endCursor' } },
                    ],
                  },
                },
              ],
            },
          },
        ],
      },
    },
    {
      kind: 'FragmentDefinition',
      name: { kind: 'Name', value: 'SeparationFields' },
      typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparationTask' } },
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          { kind: 'Field', name: { kind: 'Name', value: 'id' } },
          { kind: 'Field', name: { kind: 'Name', value: 'revision' } },
          { kind: 'Field', name: { kind: 'Name', value: 'provider' } },
          { kind: 'Field', name: { kind: 'Name', value: 'type' } },
          { kind: 'Field', name: { kind: 'Name', value: 'status' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'allStems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'id' } },
                { kind: 'Field', name: { kind: 'Name', value: 'part' } },
                { kind: 'Field', name: { kind: 'Name', value: 'label' } },
                { kind: 'Field', name: { kind: 'Name', value: 'url' } },
                { kind: 'Field', name: { kind: 'Name', value: 'durationSeconds' } },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'stems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: '__typename' } },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'VocalStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'InstrumentStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'failure' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'code' } },
                { kind: 'Field', name: { kind: 'Name', value: 'refusal' } },
                { kind: 'Field', name: { kind: 'Name', value: 'message' } },
              ],
            },
          },
        ],
      },
    },
  ],
} as unknown as DocumentNode<ListQuery, ListQueryVariables>
export const ReadDocument = {
  kind: 'Document',
  definitions: [
    {
      kind: 'OperationDefinition',
      operation: 'query',
      name: { kind: 'Name', value: 'Read' },
      variableDefinitions: [
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'taskId' } },
          type: { kind: 'NonNullType', type: { kind: 'NamedType', name: { kind: 'Name', value: 'ID' } } },
        },
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'provider' } },
          type: { kind: 'NamedType', name: { kind: 'Name', value: 'Provider' } },
        },
      ],
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'separation' },
            arguments: [
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'taskId' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'taskId' } },
              },
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'provider' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'provider' } },
              },
            ],
            selectionSet: {
              kind: 'SelectionSet',
              selections: [{ kind: 'FragmentSpread', name: { kind: 'Name', value: 'SeparationFields' } }],
            },
          },
        ],
      },
    },
    {
      kind: 'FragmentDefinition',
      name: { kind: 'Name', value: 'SeparationFields' },
      typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparationTask' } },
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          { kind: 'Field', name: { kind: 'Name', value: 'id' } },
          { kind: 'Field', name: { kind: 'Name', value: 'revision' } },
          { kind: 'Field', name: { kind: 'Name', value: 'provider' } },
          { kind: 'Field', name: { kind: 'Name', value: 'type' } },
          { kind: 'Field', name: { kind: 'Name', value: 'status' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'allStems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'id' } },
                { kind: 'Field', name: { kind: 'Name', value: 'part' } },
                { kind: 'Field', name: { kind: 'Name', value: 'label' } },
                { kind: 'Field', name: { kind: 'Name', value: 'url' } },
                { kind: 'Field', name: { kind: 'Name', value: 'durationSeconds' } },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'stems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: '__typename' } },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'VocalStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'InstrumentStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'failure' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'code' } },
                { kind: 'Field', name: { kind: 'Name', value: 'refusal' } },
                { kind: 'Field', name: { kind: 'Name', value: 'message' } },
              ],
            },
          },
        ],
      },
    },
  ],
} as unknown as DocumentNode<ReadQuery, ReadQueryVariables>
export const SeparateDocument = {
  kind: 'Document',
  definitions: [
    {
      kind: 'OperationDefinition',
      operation: 'mutation',
      name: { kind: 'Name', value: 'Separate' },
      variableDefinitions: [
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'input' } },
          type: { kind: 'NonNullType', type: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparateInput' } } },
        },
      ],
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'separate' },
            arguments: [
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'input' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'input' } },
              },
            ],
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: '__typename' } },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparateSuccess' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'reused' } },
                      {
                        kind: 'Field',
                        name: { kind: 'Name', value: 'task' },
                        selectionSet: {
                          kind: 'SelectionSet',
                          selections: [{ kind: 'FragmentSpread', name: { kind: 'Name', value: 'SeparationFields' } }],
                        },
                      },
                    ],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparateError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                    ],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'InvalidInputError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                      {
                        kind: 'Field',
                        name: { kind: 'Name', value: 'issues' },
                        selectionSet: {
                          kind: 'SelectionSet',
                          selections: [
                            { kind: 'Field', name: { kind: 'Name', value: 'path' } },
                            { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                          ],
                        },
                      },
                    ],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'IdempotencyConflictError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                      {
                        kind: 'Field',
                        name: { kind: 'Name', value: 'task' },
                        selectionSet: {
                          kind: 'SelectionSet',
                          selections: [{ kind: 'Field', name: { kind: 'Name', value: 'id' } }],
                        },
                      },
                    ],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'InsufficientCreditsError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                    ],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'RateLimitedError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryAfterSeconds' } },
                    ],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'TrackNotFoundError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                    ],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'ProviderRefusedError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'providerCode' } },
                    ],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'ProviderUnavailableError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                    ],
                  },
                },
              ],
            },
          },
        ],
      },
    },
    {
      kind: 'FragmentDefinition',
      name: { kind: 'Name', value: 'SeparationFields' },
      typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparationTask' } },
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          { kind: 'Field', name: { kind: 'Name', value: 'id' } },
          { kind: 'Field', name: { kind: 'Name', value: 'revision' } },
          { kind: 'Field', name: { kind: 'Name', value: 'provider' } },
          { kind: 'Field', name: { kind: 'Name', value: 'type' } },
          { kind: 'Field', name: { kind: 'Name', value: 'status' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'allStems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'id' } },
                { kind: 'Field', name: { kind: 'Name', value: 'part' } },
                { kind: 'Field', name: { kind: 'Name', value: 'label' } },
                { kind: 'Field', name: { kind: 'Name', value: 'url' } },
                { kind: 'Field', name: { kind: 'Name', value: 'durationSeconds' } },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'stems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: '__typename' } },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'VocalStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'InstrumentStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'failure' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'code' } },
                { kind: 'Field', name: { kind: 'Name', value: 'refusal' } },
                { kind: 'Field', name: { kind: 'Name', value: 'message' } },
              ],
            },
          },
        ],
      },
    },
  ],
} as unknown as DocumentNode<SeparateMutation, SeparateMutationVariables>
export const WatchDocument = {
  kind: 'Document',
  definitions: [
    {
      kind: 'OperationDefinition',
      operation: 'subscription',
      name: { kind: 'Name', value: 'Watch' },
      variableDefinitions: [
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'taskId' } },
          type: { kind: 'NonNullType', type: { kind: 'NamedType', name: { kind: 'Name', value: 'ID' } } },
        },
      ],
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'separationUpdated' },
            arguments: [
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'taskId' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'taskId' } },
              },
            ],
            selectionSet: {
              kind: 'SelectionSet',
              selections: [{ kind: 'FragmentSpread', name: { kind: 'Name', value: 'SeparationFields' } }],
            },
          },
        ],
      },
    },
    {
      kind: 'FragmentDefinition',
      name: { kind: 'Name', value: 'SeparationFields' },
      typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparationTask' } },
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          { kind: 'Field', name: { kind: 'Name', value: 'id' } },
          { kind: 'Field', name: { kind: 'Name', value: 'revision' } },
          { kind: 'Field', name: { kind: 'Name', value: 'provider' } },
          { kind: 'Field', name: { kind: 'Name', value: 'type' } },
          { kind: 'Field', name: { kind: 'Name', value: 'status' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'allStems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'id' } },
                { kind: 'Field', name: { kind: 'Name', value: 'part' } },
                { kind: 'Field', name: { kind: 'Name', value: 'label' } },
                { kind: 'Field', name: { kind: 'Name', value: 'url' } },
                { kind: 'Field', name: { kind: 'Name', value: 'durationSeconds' } },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'stems' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: '__typename' } },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'VocalStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
                {
                  kind: 'InlineFragment',
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'InstrumentStems' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [{ kind: 'Field', name: { kind: 'Name', value: 'missing' } }],
                  },
                },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'failure' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'code' } },
                { kind: 'Field', name: { kind: 'Name', value: 'refusal' } },
                { kind: 'Field', name: { kind: 'Name', value: 'message' } },
              ],
            },
          },
        ],
      },
    },
  ],
} as unknown as DocumentNode<WatchSubscription, WatchSubscriptionVariables>
