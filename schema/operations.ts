// Made by `npm run codegen` from schema/operations: do not edit.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] }
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never }
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core'
/** What a budget counts. */
export type BudgetKind =
  /** What orders cost in credits, at the price when they are placed. */
  | 'CREDITS'
  /** All orders. */
  | 'ORDERS'
  /** Orders of SEPARATE_VOCAL. */
  | 'SEPARATE_VOCAL'
  /** Orders of SPLIT_STEM. */
  | 'SPLIT_STEM'

/** A calendar day or month, UTC. */
export type BudgetPeriod =
  /** A day. */
  | 'DAY'
  /** A month. */
  | 'MONTH'

/** Whether the provider charged for a separation. The sandbox uses the same values, but it costs no money. */
export type Charge =
  /** Charged: the provider accepted the order, or the operator has found that it did. */
  | 'CHARGED'
  /** Unknown: the provider has not answered the order. */
  | 'MAYBE'
  /** Not charged: the provider refused the order, the order was not sent yet, or the operator has found that it was not charged. */
  | 'NONE'

/** A provider of separations. Orders work only with the providers that the operator has enabled. */
export type Provider =
  /** Apikley */
  | 'APIKLEY'
  /** kie.ai */
  | 'KIE'
  /** The built-in test provider. It costs nothing and returns stems of a built-in song. */
  | 'SANDBOX'
  /** sunoapi.org */
  | 'SUNOAPI'

/** Why a provider refused an order. Each value corresponds to a type that implements `SeparateError`. */
export type RefusalReason =
  /** The operator's account at the provider does not have enough credits (`InsufficientCreditsError`). */
  | 'INSUFFICIENT_CREDITS'
  /** The provider does not accept the input (`InvalidInputError`). Change the input. */
  | 'INVALID_INPUT'
  /** Too many orders in a short time (`RateLimitedError`). Order again later. */
  | 'RATE_LIMITED'
  /** Another reason (`ProviderRefusedError`). See `providerCode` and `message`. */
  | 'REFUSED'
  /** The provider has no such track (`TrackNotFoundError`). */
  | 'TRACK_NOT_FOUND'
  /** The provider is unreachable, is down for maintenance, or rejects the gateway's API key (`ProviderUnavailableError`). */
  | 'UNAVAILABLE'

/** The order of a separation. */
export type SeparateInput = {
  /** The provider's id of the track within that task. */
  audioId: string
  /** Orders again even if the track is already separated or in progress. The provider charges again. Requires an `idempotencyKey`, so that a repeated call does not charge a third time. */
  force?: boolean
  /** A string of 1 to 255 characters that you choose for this order. Repeated orders with the same key return the same task and are charged once. */
  idempotencyKey?: string | null | undefined
  /** The provider's id of the task that generated the music. */
  musicTaskId: string
  /** The provider that generated the music, which also separates it. Default: the operator's default provider. */
  provider?: Provider | null | undefined
  /** Your own text for the task, of 1 to 255 characters, such as a title or the id of your user. It is kept with the task, and `separations` finds the task by it. It does not make another order: an order that joins an earlier task leaves the reference of that task as it is. */
  reference?: string | null | undefined
  /** Which stems to separate the track into. */
  type?: SeparationType
  /** A URL of yours that is told when the task is settled, and when more is known of it later, by a signed POST (Standard Webhooks). It must begin with `https://` and be public. An order that joins an earlier task is told of that task as well. Default: the URL that the operator has set for you, if any. */
  webhookUrl?: string | null | undefined
}

/** Why a separation failed. */
export type SeparationFailureCode =
  /** The provider failed to deliver its result, and no audio was found. */
  | 'CALLBACK_FAILED'
  /** The provider accepted the order but could not create the task. */
  | 'CREATION_FAILED'
  /** The provider could not separate the track. */
  | 'GENERATION_FAILED'
  /** The provider sent no result within the gateway's time limit. */
  | 'NO_RESULT'
  /** The provider refused the order. Nothing was charged. See `refusal`. */
  | 'SUBMISSION_REFUSED'
  /** The provider never answered the order, so it may have charged for it. If a result still arrives, the task becomes SUCCESS. */
  | 'SUBMISSION_UNCONFIRMED'

/** Which tasks to list or to watch. A task must match every field that is set. */
export type SeparationFilter = {
  /** Only separations of this track. */
  audioId?: string | null | undefined
  /** Only tasks with one of these charges. `[CHARGED, MAYBE]` finds every task that the provider may have charged for. */
  charge?: Array<Charge> | null | undefined
  /** Only tasks ordered at this time or later. */
  createdAfter?: string | null | undefined
  /** Only tasks ordered before this time. */
  createdBefore?: string | null | undefined
  /** Only tasks that failed for one of these reasons. */
  failureCode?: Array<SeparationFailureCode> | null | undefined
  /** Only separations of tracks that this music task generated. */
  musicTaskId?: string | null | undefined
  /** Only tasks of this provider. */
  provider?: Provider | null | undefined
  /** Only tasks with this reference. Upper and lower case differ. */
  reference?: string | null | undefined
  /** Only tasks whose reference begins with this text, such as `user-7/`. Upper and lower case differ, and no character is a wildcard. If it matches more than 10,000 of your tasks, it is an error (BAD_USER_INPUT). The same applies to `reference` together with `audioId` or `musicTaskId`. */
  referencePrefix?: string | null | undefined
  /** `true`: only settled tasks. `false`: only pending tasks. */
  settled?: boolean | null | undefined
  /** Only tasks with one of these statuses. */
  status?: Array<SeparationStatus> | null | undefined
  /** Only separations of this type. */
  type?: SeparationType | null | undefined
}

/** How far a separation is. `status` says how it ends. */
export type SeparationPhase =
  /** The provider reports success, but not all stems are there yet. */
  | 'COLLECTING'
  /** The provider has accepted the order and works on it. */
  | 'PROCESSING'
  /** The order is stored and waits for a slot within the provider's rate. It was never sent, so nothing is charged. The gateway sends it, also after a restart. */
  | 'QUEUED'
  /** The order is being sent, and the provider has not answered yet. */
  | 'SENDING'
  /** The separation has succeeded or failed: see `status`. */
  | 'SETTLED'
  /** The order was sent, but the provider's answer was lost. A callback can still bring the result. If none does, the task fails with SUBMISSION_UNCONFIRMED. */
  | 'UNCONFIRMED'

/** The status of a separation. All providers use the same values. */
export type SeparationStatus =
  /** The provider failed to deliver its result, and no audio was found. */
  | 'CALLBACK_EXCEPTION'
  /** The provider refused the order, did not create a task for it, or never confirmed it. See `failure`. */
  | 'CREATE_TASK_FAILED'
  /** The provider could not separate the track, or sent no result in time. */
  | 'GENERATE_AUDIO_FAILED'
  /** The separation is ordered and has no result yet. */
  | 'PENDING'
  /** The stems are ready. */
  | 'SUCCESS'

/** Which stems to separate a track into. */
export type SeparationType =
  /** Two stems: the vocals, and everything else. */
  | 'SEPARATE_VOCAL'
  /** Up to 13 stems: lead vocals, backing vocals and each kind of instrument. It usually costs more. */
  | 'SPLIT_STEM'

/** The part of the track that a stem contains. */
export type StemPart =
  /** Backing vocals and choirs. */
  | 'BACKING_VOCALS'
  /** The bass. */
  | 'BASS'
  /** Brass. */
  | 'BRASS'
  /** The drum kit. */
  | 'DRUMS'
  /** Sound effects. */
  | 'FX'
  /** Guitars. */
  | 'GUITAR'
  /** Everything except the vocals. */
  | 'INSTRUMENTAL'
  /** Organs and other keyboards. */
  | 'KEYBOARD'
  /** A part that this gateway does not know. `label` holds the provider's name for it. */
  | 'OTHER'
  /** Percussion other than the drum kit. */
  | 'PERCUSSION'
  /** The piano. Providers often report it late: it may be added after the other stems. */
  | 'PIANO'
  /** Strings. */
  | 'STRINGS'
  /** Synthesizers. */
  | 'SYNTH'
  /** The vocals. Only the lead vocals if backing vocals are a separate stem. */
  | 'VOCAL'
  /** Woodwinds. */
  | 'WOODWINDS'

export type DashboardSubscriptionVariables = Exact<{
  where?: SeparationFilter | null | undefined
  ids?: Array<string> | string | null | undefined
  since?: string | null | undefined
}>

export type DashboardSubscription = {
  separationsUpdated: {
    id: string
    revision: number
    provider: Provider
    type: SeparationType | null
    status: SeparationStatus
    phase: SeparationPhase
    settled: boolean
    audioId: string | null
    reference: string | null
    charge: Charge
    createdAt: string
    updatedAt: string
    expectedAt: string | null
    completedAt: string | null
    expiresAt: string | null
    filesAvailable: boolean
    archiveUrl: string | null
    allStems: Array<{
      id: string
      part: StemPart
      label: string | null
      url: string
      durationSeconds: number | null
      archived: boolean
    }>
    stems:
      | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
      | { __typename: 'VocalStems'; missing: Array<StemPart> }
      | null
    failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
  }
}

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
        phase: SeparationPhase
        settled: boolean
        audioId: string | null
        reference: string | null
        charge: Charge
        createdAt: string
        updatedAt: string
        expectedAt: string | null
        completedAt: string | null
        expiresAt: string | null
        filesAvailable: boolean
        archiveUrl: string | null
        allStems: Array<{
          id: string
          part: StemPart
          label: string | null
          url: string
          durationSeconds: number | null
          archived: boolean
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

export type OverviewQueryVariables = Exact<{ [key: string]: never }>

export type OverviewQuery = {
  viewer: {
    name: string
    orders: { perMinute: number; remaining: number }
    budgets: Array<{ kind: BudgetKind; period: BudgetPeriod; limit: number; used: number; resetsAt: string }>
  }
  providers: Array<{
    name: Provider
    isDefault: boolean
    allowed: boolean
    available: boolean
    retentionDays: number
    quotes: Array<{ type: SeparationType; credits: number | null; allowed: boolean }>
  }>
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
    phase: SeparationPhase
    settled: boolean
    audioId: string | null
    reference: string | null
    charge: Charge
    createdAt: string
    updatedAt: string
    expectedAt: string | null
    completedAt: string | null
    expiresAt: string | null
    filesAvailable: boolean
    archiveUrl: string | null
    allStems: Array<{
      id: string
      part: StemPart
      label: string | null
      url: string
      durationSeconds: number | null
      archived: boolean
    }>
    stems:
      | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
      | { __typename: 'VocalStems'; missing: Array<StemPart> }
      | null
    failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
  } | null
}

export type SeparateAllMutationVariables = Exact<{
  inputs: Array<SeparateInput> | SeparateInput
}>

export type SeparateAllMutation = {
  separateAll: Array<{
    index: number
    idempotencyKey: string | null
    result:
      | {
          __typename: 'BudgetExceededError'
          message: string
          retryable: boolean
          retryAfterSeconds: number
          resetsAt: string
        }
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
            phase: SeparationPhase
            settled: boolean
            audioId: string | null
            reference: string | null
            charge: Charge
            createdAt: string
            updatedAt: string
            expectedAt: string | null
            completedAt: string | null
            expiresAt: string | null
            filesAvailable: boolean
            archiveUrl: string | null
            allStems: Array<{
              id: string
              part: StemPart
              label: string | null
              url: string
              durationSeconds: number | null
              archived: boolean
            }>
            stems:
              | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
              | { __typename: 'VocalStems'; missing: Array<StemPart> }
              | null
            failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
          }
        }
      | { __typename: 'TaskDeletedError'; message: string; retryable: boolean; charge: Charge }
      | { __typename: 'TrackNotFoundError'; message: string; retryable: boolean }
      | null
  }>
}

export type SeparateMutationVariables = Exact<{
  input: SeparateInput
  waitSeconds?: number
}>

export type SeparateMutation = {
  separate:
    | {
        __typename: 'BudgetExceededError'
        message: string
        retryable: boolean
        retryAfterSeconds: number
        resetsAt: string
      }
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
          phase: SeparationPhase
          settled: boolean
          audioId: string | null
          reference: string | null
          charge: Charge
          createdAt: string
          updatedAt: string
          expectedAt: string | null
          completedAt: string | null
          expiresAt: string | null
          filesAvailable: boolean
          archiveUrl: string | null
          allStems: Array<{
            id: string
            part: StemPart
            label: string | null
            url: string
            durationSeconds: number | null
            archived: boolean
          }>
          stems:
            | { __typename: 'InstrumentStems'; missing: Array<StemPart> }
            | { __typename: 'VocalStems'; missing: Array<StemPart> }
            | null
          failure: { code: SeparationFailureCode; refusal: RefusalReason | null; message: string } | null
        }
      }
    | { __typename: 'TaskDeletedError'; message: string; retryable: boolean; charge: Charge }
    | { __typename: 'TrackNotFoundError'; message: string; retryable: boolean }
}

export type SeparationFieldsFragment = {
  id: string
  revision: number
  provider: Provider
  type: SeparationType | null
  status: SeparationStatus
  phase: SeparationPhase
  settled: boolean
  audioId: string | null
  reference: string | null
  charge: Charge
  createdAt: string
  updatedAt: string
  expectedAt: string | null
  completedAt: string | null
  expiresAt: string | null
  filesAvailable: boolean
  archiveUrl: string | null
  allStems: Array<{
    id: string
    part: StemPart
    label: string | null
    url: string
    durationSeconds: number | null
    archived: boolean
  }>
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
    phase: SeparationPhase
    settled: boolean
    audioId: string | null
    reference: string | null
    charge: Charge
    createdAt: string
    updatedAt: string
    expectedAt: string | null
    completedAt: string | null
    expiresAt: string | null
    filesAvailable: boolean
    archiveUrl: string | null
    allStems: Array<{
      id: string
      part: StemPart
      label: string | null
      url: string
      durationSeconds: number | null
      archived: boolean
    }>
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
          { kind: 'Field', name: { kind: 'Name', value: 'phase' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'reference' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'updatedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expectedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'filesAvailable' } },
          { kind: 'Field', name: { kind: 'Name', value: 'archiveUrl' } },
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
                { kind: 'Field', name: { kind: 'Name', value: 'archived' } },
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
export const DashboardDocument = {
  kind: 'Document',
  definitions: [
    {
      kind: 'OperationDefinition',
      operation: 'subscription',
      name: { kind: 'Name', value: 'Dashboard' },
      variableDefinitions: [
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'where' } },
          type: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparationFilter' } },
        },
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'ids' } },
          type: {
            kind: 'ListType',
            type: { kind: 'NonNullType', type: { kind: 'NamedType', name: { kind: 'Name', value: 'ID' } } },
          },
        },
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'since' } },
          type: { kind: 'NamedType', name: { kind: 'Name', value: 'DateTime' } },
        },
      ],
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'separationsUpdated' },
            arguments: [
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'where' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'where' } },
              },
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'ids' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'ids' } },
              },
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'since' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'since' } },
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
          { kind: 'Field', name: { kind: 'Name', value: 'phase' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'reference' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'updatedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expectedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'filesAvailable' } },
          { kind: 'Field', name: { kind: 'Name', value: 'archiveUrl' } },
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
                { kind: 'Field', name: { kind: 'Name', value: 'archived' } },
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
} as unknown as DocumentNode<DashboardSubscription, DashboardSubscriptionVariables>
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
          { kind: 'Field', name: { kind: 'Name', value: 'phase' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'reference' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'updatedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expectedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'filesAvailable' } },
          { kind: 'Field', name: { kind: 'Name', value: 'archiveUrl' } },
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
                { kind: 'Field', name: { kind: 'Name', value: 'archived' } },
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
export const OverviewDocument = {
  kind: 'Document',
  definitions: [
    {
      kind: 'OperationDefinition',
      operation: 'query',
      name: { kind: 'Name', value: 'Overview' },
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'viewer' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'name' } },
                {
                  kind: 'Field',
                  name: { kind: 'Name', value: 'orders' },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'perMinute' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'remaining' } },
                    ],
                  },
                },
                {
                  kind: 'Field',
                  name: { kind: 'Name', value: 'budgets' },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'kind' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'period' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'limit' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'used' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'resetsAt' } },
                    ],
                  },
                },
              ],
            },
          },
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'providers' },
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'name' } },
                { kind: 'Field', name: { kind: 'Name', value: 'isDefault' } },
                { kind: 'Field', name: { kind: 'Name', value: 'allowed' } },
                { kind: 'Field', name: { kind: 'Name', value: 'available' } },
                { kind: 'Field', name: { kind: 'Name', value: 'retentionDays' } },
                {
                  kind: 'Field',
                  name: { kind: 'Name', value: 'quotes' },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'type' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'credits' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'allowed' } },
                    ],
                  },
                },
              ],
            },
          },
        ],
      },
    },
  ],
} as unknown as DocumentNode<OverviewQuery, OverviewQueryVariables>
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
          { kind: 'Field', name: { kind: 'Name', value: 'phase' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'reference' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'updatedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expectedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'filesAvailable' } },
          { kind: 'Field', name: { kind: 'Name', value: 'archiveUrl' } },
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
                { kind: 'Field', name: { kind: 'Name', value: 'archived' } },
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
export const SeparateAllDocument = {
  kind: 'Document',
  definitions: [
    {
      kind: 'OperationDefinition',
      operation: 'mutation',
      name: { kind: 'Name', value: 'SeparateAll' },
      variableDefinitions: [
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'inputs' } },
          type: {
            kind: 'NonNullType',
            type: {
              kind: 'ListType',
              type: {
                kind: 'NonNullType',
                type: { kind: 'NamedType', name: { kind: 'Name', value: 'SeparateInput' } },
              },
            },
          },
        },
      ],
      selectionSet: {
        kind: 'SelectionSet',
        selections: [
          {
            kind: 'Field',
            name: { kind: 'Name', value: 'separateAll' },
            arguments: [
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'inputs' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'inputs' } },
              },
            ],
            selectionSet: {
              kind: 'SelectionSet',
              selections: [
                { kind: 'Field', name: { kind: 'Name', value: 'index' } },
                { kind: 'Field', name: { kind: 'Name', value: 'idempotencyKey' } },
                {
                  kind: 'Field',
                  name: { kind: 'Name', value: 'result' },
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
                                selections: [
                                  { kind: 'FragmentSpread', name: { kind: 'Name', value: 'SeparationFields' } },
                                ],
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
                        typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'TaskDeletedError' } },
                        selectionSet: {
                          kind: 'SelectionSet',
                          selections: [
                            { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                            { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                            { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
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
                        typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'BudgetExceededError' } },
                        selectionSet: {
                          kind: 'SelectionSet',
                          selections: [
                            { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                            { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                            { kind: 'Field', name: { kind: 'Name', value: 'retryAfterSeconds' } },
                            { kind: 'Field', name: { kind: 'Name', value: 'resetsAt' } },
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
          { kind: 'Field', name: { kind: 'Name', value: 'phase' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'reference' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'updatedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expectedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'filesAvailable' } },
          { kind: 'Field', name: { kind: 'Name', value: 'archiveUrl' } },
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
                { kind: 'Field', name: { kind: 'Name', value: 'archived' } },
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
} as unknown as DocumentNode<SeparateAllMutation, SeparateAllMutationVariables>
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
        {
          kind: 'VariableDefinition',
          variable: { kind: 'Variable', name: { kind: 'Name', value: 'waitSeconds' } },
          type: { kind: 'NonNullType', type: { kind: 'NamedType', name: { kind: 'Name', value: 'Int' } } },
          defaultValue: { kind: 'IntValue', value: '0' },
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
              {
                kind: 'Argument',
                name: { kind: 'Name', value: 'waitSeconds' },
                value: { kind: 'Variable', name: { kind: 'Name', value: 'waitSeconds' } },
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
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'TaskDeletedError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
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
                  typeCondition: { kind: 'NamedType', name: { kind: 'Name', value: 'BudgetExceededError' } },
                  selectionSet: {
                    kind: 'SelectionSet',
                    selections: [
                      { kind: 'Field', name: { kind: 'Name', value: 'message' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryable' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'retryAfterSeconds' } },
                      { kind: 'Field', name: { kind: 'Name', value: 'resetsAt' } },
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
          { kind: 'Field', name: { kind: 'Name', value: 'phase' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'reference' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'updatedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expectedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'filesAvailable' } },
          { kind: 'Field', name: { kind: 'Name', value: 'archiveUrl' } },
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
                { kind: 'Field', name: { kind: 'Name', value: 'archived' } },
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
          { kind: 'Field', name: { kind: 'Name', value: 'phase' } },
          { kind: 'Field', name: { kind: 'Name', value: 'settled' } },
          { kind: 'Field', name: { kind: 'Name', value: 'audioId' } },
          { kind: 'Field', name: { kind: 'Name', value: 'reference' } },
          { kind: 'Field', name: { kind: 'Name', value: 'charge' } },
          { kind: 'Field', name: { kind: 'Name', value: 'createdAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'updatedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expectedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'completedAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'expiresAt' } },
          { kind: 'Field', name: { kind: 'Name', value: 'filesAvailable' } },
          { kind: 'Field', name: { kind: 'Name', value: 'archiveUrl' } },
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
                { kind: 'Field', name: { kind: 'Name', value: 'archived' } },
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
