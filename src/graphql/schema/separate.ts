import { rateLimited, type OrderRefusal } from '../../separation/order/order-refusal.ts'
import type { SeparateOutcome } from '../../separation/order/separate.ts'
import { builder } from './builder.ts'
import { ProviderEnum, SeparationTypeEnum } from './enums.ts'
import { refusalTypes } from './separate-errors.ts'
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

builder.mutationField('separate', (t) =>
  t.field({
    type: SeparateResult,
    description:
      'Orders a separation. The provider charges for it. If you already have a pending or finished task with the same track, ' +
      'type and provider, that task is returned and nothing is charged. An operation may contain one `separate`.',
    args: { input: t.arg({ type: SeparateInput, required: true, description: 'The order.' }) },
    resolve: async (_root, { input }, { separations, caller, separateRate }): Promise<AcceptedOrder | OrderRefusal> => {
      const waitSeconds = await separateRate.acquire(caller.owner)
      if (waitSeconds > 0) {
        return rateLimited(`Too many orders. Nothing was ordered. Try again in ${waitSeconds} s.`, waitSeconds)
      }
      const outcome = await separations.separate(caller.owner, {
        ...input,
        provider: input.provider ?? null,
        idempotencyKey: input.idempotencyKey ?? null,
        reference: input.reference ?? null,
      })
      return outcome.kind === 'accepted' ? outcome : outcome.refusal
    },
  }),
)
