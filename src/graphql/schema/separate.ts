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
import { withCost } from './field-cost.ts'
import { SeparationTask } from './separation-task.ts'
import type { RequestRate } from '../../limits/request-rate.ts'

const SeparateInput = builder.inputType('SeparateInput', {
  description: 'The order of a separation.',
  fields: (t) => ({
    musicTaskId: t.id({ required: true, description: "The provider's id of the task that generated the music." }),
    audioId: t.id({ required: true, description: "The provider's id of the track within that task." }),
    type: t.field({
      type: SeparationTypeEnum,
      required: true,
      defaultValue: 'separate_vocal',
      description: 'Which stems to separate the track into.',
    }),
    provider: t.field({
      type: ProviderEnum,
      description:
        "The provider that generated the music, which also separates it. Default: the operator's default provider.",
    }),
    idempotencyKey: t.string({
      description:
        'A string of 1 to 255 characters that you choose for this order. Repeated orders with the same key return the same ' +
        'task and are charged once.',
    }),
    force: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Orders again even if the track is already separated or in progress. The provider charges again. Requires an ' +
        '`idempotencyKey`, so that a repeated call does not charge a third time.',
    }),
  }),
})

const SeparateSuccess = builder.objectRef<SeparateOutcome>('SeparateSuccess').implement({
  description: 'The order was accepted, or an earlier task already covers it.',
  fields: (t) => ({
    task: t.field({
      type: SeparationTask,
      description: 'The task of the order. Follow it with `separationUpdated` until it is settled.',
      resolve: ({ task }) => task,
    }),
    reused: t.boolean({
      description: 'Whether `task` is an earlier task. If true, this call charged nothing.',
      resolve: ({ reused }) => reused,
    }),
  }),
})

const SeparateErrorType = builder.interfaceRef<SeparateError>('SeparateError').implement({
  description: 'Why an order was refused. Nothing was charged.',
  fields: (t) => ({
    message: t.string({
      description: 'What is wrong and what to do next, as a sentence to show to people.',
      resolve: ({ message }) => message,
    }),
    retryable: t.boolean({
      description: 'Whether the same order may succeed later.',
      resolve: ({ retryable }) => retryable,
    }),
  }),
})

/** One for each field of SeparateInput. */
const maxIssues = 6
/** `["input", <field>]` */
const maxPathLength = 2

const InputIssueType = builder.objectRef<InputIssue>('InputIssue').implement({
  description: 'One problem with an input.',
  fields: (t) => ({
    path: t.stringList({
      description: 'The path of the field, from the argument down, such as `["input", "audioId"]`.',
      extensions: withCost({ maxItems: maxPathLength }),
      resolve: ({ path }) => [...path],
    }),
    message: t.string({ description: 'What is wrong with the field.', resolve: ({ message }) => message }),
  }),
})

const InvalidInput = builder.objectRef<InvalidInputError>('InvalidInputError').implement({
  description: 'The input is invalid. Fix every problem in `issues`.',
  interfaces: [SeparateErrorType],
  fields: (t) => ({
    issues: t.field({
      type: [InputIssueType],
      description: 'All problems with the input.',
      extensions: withCost({ maxItems: maxIssues }),
      resolve: ({ issues }) => [...issues],
    }),
  }),
})

const IdempotencyConflict = builder.objectRef<IdempotencyConflictError>('IdempotencyConflictError').implement({
  description: 'The `idempotencyKey` was first used with another input. Use a new key for a new order.',
  interfaces: [SeparateErrorType],
  fields: (t) => ({
    task: t.field({
      type: SeparationTask,
      description: 'The task that was ordered with the key.',
      resolve: ({ task }) => task,
    }),
  }),
})

const InsufficientCredits = builder.objectRef<InsufficientCreditsError>('InsufficientCreditsError').implement({
  description: "The operator's account at the provider does not have enough credits.",
  interfaces: [SeparateErrorType],
})

const RateLimited = builder.objectRef<RateLimitedError>('RateLimitedError').implement({
  description: 'Too many orders in a short time. Send the same order again later.',
  interfaces: [SeparateErrorType],
  fields: (t) => ({
    retryAfterSeconds: t.float({
      description: 'How long to wait before sending the order again, in seconds.',
      resolve: ({ retryAfterSeconds }) => retryAfterSeconds,
    }),
  }),
})

const TrackNotFound = builder.objectRef<TrackNotFoundError>('TrackNotFoundError').implement({
  description: 'The provider has no such track. Check that `provider` is the one that generated the music.',
  interfaces: [SeparateErrorType],
})

const ProviderRefused = builder.objectRef<ProviderRefusedError>('ProviderRefusedError').implement({
  description: 'The provider refused the order for another reason. See `message` and `providerCode`.',
  interfaces: [SeparateErrorType],
  fields: (t) => ({
    providerCode: t.int({
      nullable: true,
      description: "The provider's error code, if it sent one.",
      resolve: ({ providerCode }) => providerCode,
    }),
  }),
})

const ProviderUnavailable = builder.objectRef<ProviderUnavailableError>('ProviderUnavailableError').implement({
  description:
    "The provider accepts no orders now: it is unreachable, is down for maintenance, or rejects the gateway's API key.",
  interfaces: [SeparateErrorType],
})

const SeparateResult = builder.unionType('SeparateResult', {
  description: 'The result of an order: a task, or the reason why the order was refused.',
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
      'Orders a separation. The provider charges for it. If you already have a pending or finished task with the same track, ' +
      'type and provider, that task is returned and nothing is charged. An operation may contain one `separate`.',
    args: { input: t.arg({ type: SeparateInput, required: true, description: 'The order.' }) },
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
