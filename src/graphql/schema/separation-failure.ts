import type { FailedTask } from '../../separation/task/task.ts'
import { builder } from './builder.ts'
import { FailureCodeEnum, RefusalReasonEnum } from './enums.ts'

const maxInt = 2 ** 31 - 1

/** Why a separation failed. */
export const SeparationFailure = builder.objectRef<FailedTask['failure']>('SeparationFailure').implement({
  description: 'Why a separation failed.',
  fields: (t) => ({
    code: t.field({
      type: FailureCodeEnum,
      description: 'The reason, as a code that is the same for all providers.',
      resolve: (failure) => failure.code,
    }),
    providerCode: t.int({
      nullable: true,
      description:
        "The provider's error code, if it sent one. The same number means different things at different providers.",
      resolve: ({ providerCode }) =>
        providerCode !== null && Number.isInteger(providerCode) && Math.abs(providerCode) <= maxInt
          ? providerCode
          : null,
    }),
    message: t.string({
      description: 'What happened, as a sentence to show to people.',
      resolve: (failure) => failure.message,
    }),
    refusal: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'Why the provider refused the order. Null unless `code` is SUBMISSION_REFUSED.',
      resolve: ({ refusal }) => refusal?.reason,
    }),
  }),
})
