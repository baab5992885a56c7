import {
  isSeparateError,
  type IdempotencyConflictError,
  type InputIssue,
  type InsufficientCreditsError,
  type InvalidInputError,
  type ProviderRefusedError,
  type ProviderUnavailableError,
  RateLimitedError,
  type SeparateError,
  type TrackNotFoundError,
} from '../../separation/errors.ts'
import type { SeparateOutcome } from '../../separation/order/separate.ts'
import { builder } from './builder.ts'
import { ProviderEnum, SeparationTypeEnum } from './enums.ts'
import { SeparationTask } from './separation-task.ts'
import type { RequestRate } from '../../limits/request-rate.ts'

const SeparateInput = builder.inputType('SeparateInput', {
  description: 'What to separate, and how.',
  fields: (t) => ({
    musicTaskId: t.id({ required: true, description: "The provider's id of the task that made the music." }),
    audioId: t.id({ required: true, description: "The provider's id of the track within that task." }),
    type: t.field({
      type: SeparationTypeEnum,
      required: true,
      defaultValue: 'separate_vocal',
      description: 'Into what the track is separated.',
    }),
    provider: t.field({
      type: ProviderEnum,
      description: "Who is to separate it: the one that made the music. The operator's default provider if left out.",
    }),
    idempotencyKey: t.string({
      description:
        'A text of your own, 1 to 255 characters, that names this order. However often it is sent with the same key, it is ' +
        'charged once and leads to the same task.',
    }),
    force: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Order anew although the same track was separated, or is being separated, already. That charges again, and needs ' +
        'an idempotencyKey, so that a repeated call does not charge a third time.',
    }),
  }),
})

const SeparateSuccess = builder.objectRef<SeparateOutcome>('SeparateSuccess').implement({
  description: 'The order has its task.',
  fields: (t) => ({
    task: t.field({
      type: SeparationTask,
      description: 'The task that answers the order. Watch it with `separationUpdated` until it is settled.',
      resolve: ({ task }) => task,
    }),
    reused: t.boolean({
      description: 'Whether an earlier task answers the order: then this call charged nothing.',
      resolve: ({ reused }) => reused,
    }),
  }),
})

const SeparateErrorType = builder.interfaceRef<SeparateError>('SeparateError').implement({
  description: 'Why an order was not taken. Nothing was charged for it.',
  fields: (t) => ({
    message: t.string({
      description: 'What was wrong and what to do next, for people to read.',
      resolve: ({ message }) => message,
    }),
    retryable: t.boolean({
      description: 'Whether the same order may be taken later.',
      resolve: ({ retryable }) => retryable,
    }),
  }),
})

const InputIssueType = builder.objectRef<InputIssue>('InputIssue').implement({
  description: 'One thing that is wrong with an input.',
  fields: (t) => ({
    path: t.stringList({
      description: 'Where it is wrong: the names from the argument down.',
      resolve: ({ path }) => [...path],
    }),
    message: t.string({ description: 'What is wrong with it.', resolve: ({ message }) => message }),
  }),
})

const InvalidInput = builder.objectRef<InvalidInputError>('InvalidInputError').implement({
  description: 'The order cannot be taken as it stands: change what `issues` names.',
  interfaces: [SeparateErrorType],
  fields: (t) => ({
    issues: t.field({
      type: [InputIssueType],
      description: 'Everything that is wrong.',
      resolve: ({ issues }) => [...issues],
    }),
  }),
})

const IdempotencyConflict = builder.objectRef<IdempotencyConflictError>('IdempotencyConflictError').implement({
  description: 'The idempotencyKey was first used with another input. Use a new key for a new order.',
  interfaces: [SeparateErrorType],
  fields: (t) => ({
    task: t.field({
      type: SeparationTask,
      description: 'The task to which the key leads.',
      resolve: ({ task }) => task,
    }),
  }),
})

const InsufficientCredits = builder.objectRef<InsufficientCreditsError>('InsufficientCreditsError').implement({
  description: "The operator's account at the provider has not enough credits.",
  interfaces: [SeparateErrorType],
})

const RateLimited = builder.objectRef<RateLimitedError>('RateLimitedError').implement({
  description: 'Too many orders at once. Send the same order again later.',
  interfaces: [SeparateErrorType],
  fields: (t) => ({
    retryAfterSeconds: t.float({
      description: 'How long to wait before sending it again, in seconds.',
      resolve: ({ retryAfterSeconds }) => retryAfterSeconds,
    }),
  }),
})

const TrackNotFound = builder.objectRef<TrackNotFoundError>('TrackNotFoundError').implement({
  description: 'The provider has no such track. Is it the provider that made the music?',
  interfaces: [SeparateErrorType],
})

const ProviderRefused = builder.objectRef<ProviderRefusedError>('ProviderRefusedError').implement({
  description: 'The provider refused the order for a reason of its own.',
  interfaces: [SeparateErrorType],
  fields: (t) => ({
    providerCode: t.int({
      nullable: true,
      description: "The provider's own code, if it gave one.",
      resolve: ({ providerCode }) => providerCode,
    }),
  }),
})

const ProviderUnavailable = builder.objectRef<ProviderUnavailableError>('ProviderUnavailableError').implement({
  description:
    "The provider cannot take orders now: it cannot be reached, is closed, or does not accept the operator's key.",
  interfaces: [SeparateErrorType],
})

const SeparateResult = builder.unionType('SeparateResult', {
  description: 'What became of an order: a task, or the reason why it was not taken.',
  types: [
    SeparateSuccess,
    InvalidInput,
    IdempotencyConflict,
    InsufficientCredits,
    RateLimited,
    TrackNotFound,
    ProviderRefused,
    ProviderUnavailable,
  ],
  resolveType: (result) => ('retryable' in result ? result.name : 'SeparateSuccess'),
})

/** Throws a RateLimitedError if the caller orders too often. Nothing has been looked at by then. */
async function checkRate(owner: string, rate: RequestRate): Promise<void> {
  const waitSeconds = await rate.acquire(owner)
  if (waitSeconds === 0) return
  throw new RateLimitedError(`You order too often. Nothing was ordered; try again in ${waitSeconds} s.`, waitSeconds)
}

builder.mutationField('separate', (t) =>
  t.field({
    type: SeparateResult,
    description:
      'Orders a separation, which the provider charges for. The same track, type and provider joins the task that is under ' +
      'way or done, and is not charged again. One operation may hold one `separate`.',
    args: { input: t.arg({ type: SeparateInput, required: true, description: 'What to separate, and how.' }) },
    resolve: async (_root, { input }, { separations, caller, separateRate }) => {
      try {
        await checkRate(caller.owner, separateRate)
        return await separations.separate(caller.owner, {
          ...input,
          provider: input.provider ?? null,
          idempotencyKey: input.idempotencyKey ?? null,
        })
      } catch (error) {
        // As plain data: an error that a resolver returns counts as thrown.
        if (isSeparateError(error)) return Object.assign({}, error, { message: error.message })
        throw error
      }
    },
  }),
)
