import type { RateStatus } from '../../limits/request-rate.ts'
import { budgetKinds, budgetPeriods } from '../../separation/caller-limits.ts'
import { BudgetType } from './budget.ts'
import { builder } from './builder.ts'
import { withCost } from './field-cost.ts'

interface Viewer {
  readonly owner: string
}

interface SlotStatus {
  readonly max: number
  readonly remaining: number
}

const RateLimit = builder.objectRef<RateStatus>('RateLimit').implement({
  description: 'A limit per minute, and what is left of it.',
  fields: (t) => ({
    perMinute: t.int({ description: 'How many are allowed in a minute.', resolve: ({ perMinute }) => perMinute }),
    remaining: t.int({ description: 'How many are left now.', resolve: ({ remaining }) => remaining }),
    resetsAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When all are available again. Null if all are available now.',
      resolve: ({ resetsInMs }) => (resetsInMs === 0 ? null : new Date(Date.now() + resetsInMs)),
    }),
  }),
})

const SlotLimit = builder.objectRef<SlotStatus>('SlotLimit').implement({
  description: 'A limit of what is open at the same time, and what is left of it.',
  fields: (t) => ({
    max: t.int({ description: 'How many may be open.', resolve: ({ max }) => max }),
    remaining: t.int({ description: 'How many more may be opened now.', resolve: ({ remaining }) => remaining }),
  }),
})

const ViewerType = builder.objectRef<Viewer>('Viewer').implement({
  description:
    'You, as the gateway knows you by your credential, and your limits. Each gateway counts requests, orders per minute and ' +
    'subscriptions by itself: behind a load balancer, these numbers are those of the gateway that answers.',
  fields: (t) => ({
    name: t.string({
      description: 'The name of your API key, the subject of your token, or `anonymous`.',
      resolve: ({ owner }) => nameOf(owner),
    }),
    requests: t.field({
      type: RateLimit,
      description: 'Your GraphQL operations, over every transport.',
      resolve: ({ owner }, _args, { requestRate }) => requestRate.status(owner),
    }),
    orders: t.field({
      type: RateLimit,
      description: 'Your orders (`separate`).',
      resolve: ({ owner }, _args, { separateRate }) => separateRate.status(owner),
    }),
    budgets: t.field({
      type: [BudgetType],
      description: 'Your budgets, which all gateways count together. Empty if the operator has set none.',
      extensions: withCost({ maxItems: budgetKinds.length * budgetPeriods.length }),
      resolve: ({ owner }, _args, { separations, caller }) => separations.budgets(owner, caller.limits),
    }),
    subscriptions: t.field({
      type: SlotLimit,
      description: 'Your open subscriptions.',
      resolve: ({ owner }, _args, { subscriptionLimit }) => ({
        max: subscriptionLimit.maxPerKey,
        remaining: subscriptionLimit.remaining(owner),
      }),
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerType,
    description: 'Who you are to this gateway, and what is left of your limits.',
    resolve: (_root, _args, { caller }) => ({ owner: caller.owner }),
  }),
)

/** `web` of `key:web`, the subject of `jwt:<issuer>|<subject>`, else the owner itself. */
function nameOf(owner: string): string {
  if (owner.startsWith('key:')) return owner.slice('key:'.length)
  // An issuer is a URL, a subject may be any text.
  return owner.startsWith('jwt:') ? owner.slice(owner.indexOf('|') + 1) : owner
}
