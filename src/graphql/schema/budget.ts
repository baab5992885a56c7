import type { BudgetKind, BudgetPeriod, BudgetStatus } from '../../separation/caller-limits.ts'
import { builder } from './builder.ts'
import { enumOf } from './enums.ts'

const BudgetKindEnum = enumOf<BudgetKind>('BudgetKind', 'What a budget counts.', {
  orders: 'All orders.',
  separate_vocal: 'Orders of SEPARATE_VOCAL.',
  split_stem: 'Orders of SPLIT_STEM.',
  credits: 'What orders cost in credits, at the price when they are placed.',
})

const BudgetPeriodEnum = enumOf<BudgetPeriod>('BudgetPeriod', 'A calendar day or month, UTC.', {
  day: 'A day.',
  month: 'A month.',
})

export const BudgetType = builder.objectRef<BudgetStatus>('Budget').implement({
  description:
    'How much you may order in each day or month, over all gateways. An order counts when it is placed or queued. It does not ' +
    'count if it joins an earlier task or turns out to be refused, but does while nobody knows whether it is charged.',
  fields: (t) => ({
    kind: t.field({
      type: BudgetKindEnum,
      description: 'What the budget counts.',
      resolve: ({ budget }) => budget.kind,
    }),
    period: t.field({
      type: BudgetPeriodEnum,
      description: 'How often the budget is renewed.',
      resolve: ({ budget }) => budget.period,
    }),
    limit: t.float({
      description: 'How much you may order in a period: orders, or credits.',
      resolve: ({ budget }) => budget.limit,
    }),
    used: t.float({
      description: 'How much of it is used. It may be more than the limit, if the operator has lowered that.',
      resolve: ({ used }) => used,
    }),
    resetsAt: t.field({
      type: 'DateTime',
      description: 'When the next period starts.',
      resolve: ({ resetsAtMs }) => new Date(resetsAtMs),
    }),
  }),
})
