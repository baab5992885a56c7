// Made by `npm run codegen` from schema/operations: do not edit.

import type {
  DashboardSubscription,
  DashboardSubscriptionVariables,
  ReadQuery,
  ReadQueryVariables,
  SeparateMutation,
  SeparateMutationVariables,
  WatchSubscription,
  WatchSubscriptionVariables,
} from '../../schema/operations.ts'

/** The text of an operation, with the types of its result and of its variables. */
export interface OperationText<T, V> {
  readonly text: string
  readonly types?: (variables: V) => T
}

export const dashboardText: OperationText<DashboardSubscription, DashboardSubscriptionVariables> = {
  text: 'subscription Dashboard($where:SeparationFilter$ids:[ID!]$since:DateTime){separationsUpdated(where:$where ids:$ids since:$since){...SeparationFields}}fragment SeparationFields on SeparationTask{id revision provider type status phase settled audioId reference charge createdAt updatedAt expectedAt completedAt expiresAt filesAvailable archiveUrl allStems{id part label url durationSeconds archived}stems{__typename ...on VocalStems{missing}...on InstrumentStems{missing}}failure{code refusal message}}',
}

export const readText: OperationText<ReadQuery, ReadQueryVariables> = {
  text: 'query Read($taskId:ID!$provider:Provider){separation(taskId:$taskId provider:$provider){...SeparationFields}}fragment SeparationFields on SeparationTask{id revision provider type status phase settled audioId reference charge createdAt updatedAt expectedAt completedAt expiresAt filesAvailable archiveUrl allStems{id part label url durationSeconds archived}stems{__typename ...on VocalStems{missing}...on InstrumentStems{missing}}failure{code refusal message}}',
}

export const separateText: OperationText<SeparateMutation, SeparateMutationVariables> = {
  text: 'mutation Separate($input:SeparateInput!$waitSeconds:Int!=0){separate(input:$input waitSeconds:$waitSeconds){__typename ...on SeparateSuccess{reused task{...SeparationFields}}...on SeparateError{message retryable}...on InvalidInputError{message retryable issues{path message}}...on IdempotencyConflictError{message retryable task{id}}...on TaskDeletedError{message retryable charge}...on InsufficientCreditsError{message retryable}...on RateLimitedError{message retryable retryAfterSeconds}...on BudgetExceededError{message retryable retryAfterSeconds resetsAt}...on TrackNotFoundError{message retryable}...on ProviderRefusedError{message retryable providerCode}...on ProviderUnavailableError{message retryable}}}fragment SeparationFields on SeparationTask{id revision provider type status phase settled audioId reference charge createdAt updatedAt expectedAt completedAt expiresAt filesAvailable archiveUrl allStems{id part label url durationSeconds archived}stems{__typename ...on VocalStems{missing}...on InstrumentStems{missing}}failure{code refusal message}}',
}

export const watchText: OperationText<WatchSubscription, WatchSubscriptionVariables> = {
  text: 'subscription Watch($taskId:ID!){separationUpdated(taskId:$taskId){...SeparationFields}}fragment SeparationFields on SeparationTask{id revision provider type status phase settled audioId reference charge createdAt updatedAt expectedAt completedAt expiresAt filesAvailable archiveUrl allStems{id part label url durationSeconds archived}stems{__typename ...on VocalStems{missing}...on InstrumentStems{missing}}failure{code refusal message}}',
}
