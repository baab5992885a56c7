import type { InputIssue, OrderRefusal } from '../../separation/order/order-refusal.ts'
import { BudgetType } from './budget.ts'
import { builder } from './builder.ts'
import { ChargeEnum } from './enums.ts'
import { withCost } from './field-cost.ts'
import { SeparationTask } from './separation-task.ts'

type RefusalOf<Kind extends OrderRefusal['kind']> = Extract<OrderRefusal, { readonly kind: Kind }>

const SeparateError = builder.interfaceRef<OrderRefusal>('SeparateError').implement({
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
    task: t.field({
      type: SeparationTask,
      nullable: true,
      description:
        'The task of the order, if it was stored before it was refused: it stays in `separations` with the refusal. Null if the ' +
        'order was refused at once.',
      resolve: ({ task }) => task,
    }),
  }),
})

/** One for each field of SeparateInput. */
const maxIssues = 7
/** `["inputs", <index>, <field>]` */
const maxPathLength = 3

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

const InvalidInput = builder.objectRef<RefusalOf<'invalid-input'>>('InvalidInputError').implement({
  description: 'The input is invalid. Fix every problem in `issues`.',
  interfaces: [SeparateError],
  fields: (t) => ({
    issues: t.field({
      type: [InputIssueType],
      description: 'All problems with the input.',
      extensions: withCost({ maxItems: maxIssues }),
      resolve: ({ issues }) => [...issues],
    }),
  }),
})

const IdempotencyConflict = builder.objectRef<RefusalOf<'idempotency-conflict'>>('IdempotencyConflictError').implement({
  description: 'The `idempotencyKey` was first used with another input. Use a new key for a new order.',
  interfaces: [SeparateError],
  fields: (t) => ({
    task: t.field({
      type: SeparationTask,
      description: 'The task that was ordered with the key.',
      resolve: ({ task }) => task,
    }),
  }),
})

const TaskDeleted = builder.objectRef<RefusalOf<'task-deleted'>>('TaskDeletedError').implement({
  description:
    'The `idempotencyKey` was used for an order whose task has been deleted, because of its age or at your request. Use a new key ' +
    'to order again.',
  interfaces: [SeparateError],
  fields: (t) => ({
    charge: t.field({
      type: ChargeEnum,
      description: 'Whether the provider charged the order of the deleted task.',
      resolve: ({ charge }) => charge,
    }),
  }),
})

const InsufficientCredits = builder.objectRef<RefusalOf<'insufficient-credits'>>('InsufficientCreditsError').implement({
  description: "The operator's account at the provider does not have enough credits.",
  interfaces: [SeparateError],
})

const RateLimited = builder.objectRef<RefusalOf<'rate-limited'>>('RateLimitedError').implement({
  description: 'Too many orders in a short time. Send the same order again later.',
  interfaces: [SeparateError],
  fields: (t) => ({
    retryAfterSeconds: t.float({
      description: 'How long to wait before sending the order again, in seconds.',
      resolve: ({ retryAfterSeconds }) => retryAfterSeconds,
    }),
  }),
})

const BudgetExceeded = builder.objectRef<RefusalOf<'budget-exceeded'>>('BudgetExceededError').implement({
  description:
    'The order would exceed a budget that the operator has set for you. `retryable` is false if the whole budget is too small for it.',
  interfaces: [SeparateError],
  fields: (t) => ({
    budget: t.field({
      type: BudgetType,
      description: 'The budget, and what is used of it.',
      resolve: ({ status }) => status,
    }),
    retryAfterSeconds: t.float({
      description: 'The time until `resetsAt`, in seconds.',
      resolve: ({ retryAfterSeconds }) => retryAfterSeconds,
    }),
    resetsAt: t.field({
      type: 'DateTime',
      description: 'When the next day or month of the budget starts.',
      resolve: ({ status }) => new Date(status.resetsAtMs),
    }),
  }),
})

const TrackNotFound = builder.objectRef<RefusalOf<'track-not-found'>>('TrackNotFoundError').implement({
  description: 'The provider has no such track. Check that `provider` is the one that generated the music.',
  interfaces: [SeparateError],
})

const ProviderRefused = builder.objectRef<RefusalOf<'refused'>>('ProviderRefusedError').implement({
  description: 'The provider refused the order for another reason. See `message` and `providerCode`.',
  interfaces: [SeparateError],
  fields: (t) => ({
    providerCode: t.int({
      nullable: true,
      description: "The provider's error code, if it sent one.",
      resolve: ({ providerCode }) => providerCode,
    }),
  }),
})

const ProviderUnavailable = builder.objectRef<RefusalOf<'unavailable'>>('ProviderUnavailableError').implement({
  description:
    "The provider accepts no orders now: it is unreachable, is down for maintenance, or rejects the gateway's API key.",
  interfaces: [SeparateError],
})

/** The GraphQL type of every refusal. */
export const refusalTypes = {
  'invalid-input': InvalidInput,
  'idempotency-conflict': IdempotencyConflict,
  'task-deleted': TaskDeleted,
  'insufficient-credits': InsufficientCredits,
  'rate-limited': RateLimited,
  'budget-exceeded': BudgetExceeded,
  'track-not-found': TrackNotFound,
  refused: ProviderRefused,
  unavailable: ProviderUnavailable,
} as const satisfies { [Kind in OrderRefusal['kind']]: { readonly $inferType: RefusalOf<Kind> } }
