import { rateLimited, type OrderRefusal } from '../../separation/order/order-refusal.ts'
import type { OrderOptions, SeparateOutcome } from '../../separation/order/separate.ts'
import { badInput } from '../bad-input.ts'
import type { Context } from '../context.ts'
import { builder } from './builder.ts'
import { ProviderEnum, SeparationTypeEnum } from './enums.ts'
import { withCost } from './field-cost.ts'
import { refusalTypes } from './separate-errors.ts'
import { afterWait, checkWaitSeconds, waitSecondsDescription } from './wait-seconds.ts'
import { SeparationTask } from './separation-task.ts'

type AcceptedOrder = Extract<SeparateOutcome, { readonly kind: 'accepted' }>

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
    reference: t.string({
      description:
        'Your own text for the task, of 1 to 255 characters, such as a title or the id of your user. It is kept with the ' +
        'task, and `separations` finds the task by it. It does not make another order: an order that joins an earlier task ' +
        'leaves the reference of that task as it is.',
    }),
    webhookUrl: t.string({
      description:
        'A URL of yours that is told when the task is settled, and when more is known of it later, by a signed POST ' +
        '(Standard Webhooks). It must begin with `https://` and be public. An order that joins an earlier task is told of that ' +
        'task as well. Default: the URL that the operator has set for you, if any.',
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

const SeparateSuccess = builder.objectRef<AcceptedOrder>('SeparateSuccess').implement({
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

const SeparateResult = builder.unionType('SeparateResult', {
  description: 'The result of an order: a task, or the reason why the order was refused.',
  types: [SeparateSuccess, ...Object.values(refusalTypes)],
  resolveType: (result: AcceptedOrder | OrderRefusal) =>
    result.kind === 'accepted' ? SeparateSuccess : refusalTypes[result.kind],
})

/** The most orders of one `separateAll`. */
const maxInputs = 50

interface ItemOfAll {
  readonly index: number
  readonly idempotencyKey: string | null
  readonly result: Promise<AcceptedOrder | OrderRefusal>
}

const SeparateAllItem = builder.objectRef<ItemOfAll>('SeparateAllItem').implement({
  description: 'The outcome of one order of `separateAll`.',
  fields: (t) => ({
    index: t.int({ description: 'The position of the order in `inputs`, from 0.', resolve: ({ index }) => index }),
    idempotencyKey: t.string({
      nullable: true,
      description: 'The key of the order, if it has one.',
      resolve: ({ idempotencyKey }) => idempotencyKey,
    }),
    result: t.field({
      type: SeparateResult,
      nullable: true,
      description:
        'The result of the order. Null only with an error, such as UNAVAILABLE: send the same order again with the same key.',
      resolve: ({ result }) => result,
    }),
  }),
})

builder.mutationField('separate', (t) =>
  t.field({
    type: SeparateResult,
    description:
      'Orders a separation. The provider charges for it. If you already have a pending or finished task with the same track, ' +
      'type and provider, that task is returned and nothing is charged. An operation may contain one `separate` or ' +
      '`separateAll`.',
    args: {
      input: t.arg({ type: SeparateInput, required: true, description: 'The order.' }),
      waitSeconds: t.arg.int({ required: true, defaultValue: 0, description: waitSecondsDescription }),
    },
    resolve: async (_root, { input, waitSeconds }, context): Promise<AcceptedOrder | OrderRefusal> => {
      checkWaitSeconds(waitSeconds)
      const outcome = await separate(input, context, { mayQueue: false })
      if (outcome.kind !== 'accepted') return outcome
      return { ...outcome, task: await afterWait(outcome.task, waitSeconds, context) }
    },
  }),
)

builder.mutationField('separateAll', (t) =>
  t.field({
    type: [SeparateAllItem],
    description:
      `Orders up to ${maxInputs} separations, each as \`separate\` does. In the place of a RateLimitedError, an order for which ` +
      "the provider has no slot now is stored as QUEUED and costs nothing yet. The gateway sends it within the provider's rate, " +
      'also after a restart, and once only. If the provider refuses it then, the task fails with SUBMISSION_REFUSED. ' +
      'Returns one item for each order, in their order. Each order counts as one request to order.',
    extensions: withCost({ maxItems: maxInputs }),
    args: {
      inputs: t.arg({
        type: [SeparateInput],
        required: true,
        description: `The orders, from 1 to ${maxInputs}. Another number is an error (BAD_USER_INPUT). Equal orders join one task.`,
      }),
    },
    resolve: (_root, { inputs }, context): readonly ItemOfAll[] => {
      if (inputs.length === 0 || inputs.length > maxInputs) {
        throw badInput(`\`inputs\` must contain from 1 to ${maxInputs} orders; it contains ${inputs.length}.`)
      }
      return inputs.map((input, index) => {
        const result = separate(input, context, { mayQueue: true }).then((outcome) => atIndex(outcome, index))
        // The error is reported when the field is resolved.
        result.catch(() => {})
        return { index, idempotencyKey: input.idempotencyKey ?? null, result }
      })
    },
  }),
)

async function separate(
  input: typeof SeparateInput.$inferInput,
  { separations, caller, separateRate }: Context,
  options: OrderOptions,
): Promise<AcceptedOrder | OrderRefusal> {
  const waitSeconds = await separateRate.acquire(caller.owner)
  if (waitSeconds > 0) {
    const message = `Too many orders. Nothing was ordered. Try again in ${waitSeconds} s.`
    const refusal = rateLimited(message, waitSeconds)
    separations.logRefusal(caller.owner, input, refusal, caller.trace)
    return refusal
  }
  const { provider = null, idempotencyKey = null, reference = null, webhookUrl = null } = input
  const outcome = await separations.separate(
    caller.owner,
    { ...input, provider, idempotencyKey, reference, webhookUrl },
    { ...options, limits: caller.limits, trace: caller.trace },
  )
  return outcome.kind === 'accepted' ? outcome : outcome.refusal
}

/** The outcome with paths that begin at the argument `inputs`. */
function atIndex(outcome: AcceptedOrder | OrderRefusal, index: number): AcceptedOrder | OrderRefusal {
  if (outcome.kind !== 'invalid-input') return outcome
  const issues = outcome.issues.map(({ path, message }) => ({
    path: ['inputs', String(index), ...path.slice(1)],
    message,
  }))
  return { ...outcome, issues }
}
