import { GraphQLError } from 'graphql'
import { ProviderUnreadableError } from '../../separation/errors.ts'
import { mayUseProvider, mayUseType } from '../../separation/caller-limits.ts'
import type { CreditBalance, Offer } from '../../separation/offer.ts'
import { providerNames } from '../../separation/task/provider-name.ts'
import { separationTypes, type SeparationType } from '../../separation/task/separation-type.ts'
import { enabledOffer } from '../enabled-offer.ts'
import { builder } from './builder.ts'
import { ProviderEnum, SeparationTypeEnum } from './enums.ts'
import { withCost } from './field-cost.ts'

interface Quote {
  readonly offer: Offer
  readonly type: SeparationType
}

const dayMs = 24 * 60 * 60 * 1_000

const QuoteType = builder.objectRef<Quote>('Quote').implement({
  description: 'What a separation costs.',
  fields: (t) => ({
    provider: t.field({
      type: ProviderEnum,
      description: 'The provider that would separate the track.',
      resolve: ({ offer }) => offer.name,
    }),
    type: t.field({
      type: SeparationTypeEnum,
      description: 'Which stems the track would be separated into.',
      resolve: ({ type }) => type,
    }),
    credits: t.float({
      nullable: true,
      description:
        "The price in the provider's credits, as the operator has configured it. Null if it is not configured.",
      resolve: ({ offer, type }) => offer.prices.get(type),
    }),
    allowed: t.boolean({
      description: 'Whether the operator lets you order this type from this provider. If not, an order is refused.',
      resolve: ({ offer, type }, _args, { caller: { limits } }) =>
        mayUseProvider(limits, offer.name) && mayUseType(limits, type),
    }),
  }),
})

const ProviderOffer = builder.objectRef<Offer>('ProviderOffer').implement({
  description: 'A provider that the operator has enabled.',
  fields: (t) => ({
    name: t.field({ type: ProviderEnum, description: 'The provider.', resolve: ({ name }) => name }),
    isDefault: t.boolean({
      description: 'Whether orders that name no provider go to this one.',
      resolve: ({ name }, _args, { defaultProvider }) => name === defaultProvider,
    }),
    allowed: t.boolean({
      description:
        'Whether the operator lets you order from this provider. If not, an order is refused with `InvalidInputError`.',
      resolve: ({ name }, _args, { caller }) => mayUseProvider(caller.limits, name),
    }),
    available: t.boolean({
      description:
        'Whether the provider accepts your orders now, as far as the gateway knows. If false, it has not answered recent ones or ' +
        "does not accept the gateway's API key, or the operator has paused it; an order is refused with `ProviderUnavailableError` and charges nothing.",
      resolve: (offer, _args, { caller }) => offer.isAvailable(caller.owner),
    }),
    paused: t.boolean({
      description:
        'Whether the operator has paused new orders for the provider. Earlier orders go on. If true, `available` is false.',
      resolve: (offer) => offer.isPaused(),
    }),
    retentionDays: t.float({
      description: 'How many days the provider keeps the files of a finished separation.',
      resolve: ({ retentionMs }) => retentionMs / dayMs,
    }),
    quotes: t.field({
      type: [QuoteType],
      description: 'The types of separation that the provider offers, with the price of each.',
      extensions: withCost({ maxItems: separationTypes.length }),
      resolve: (offer) => separationTypes.map((type) => ({ offer, type })),
    }),
  }),
})

const CreditBalanceType = builder.objectRef<CreditBalance>('CreditBalance').implement({
  description: "The balance of the operator's account at a provider.",
  fields: (t) => ({
    credits: t.float({ description: 'How many credits are left.', resolve: ({ credits }) => credits }),
    readAt: t.field({
      type: 'DateTime',
      description: 'When the gateway read the balance. At most a minute ago.',
      resolve: ({ readAtMs }) => new Date(readAtMs),
    }),
  }),
})

const providerDescription =
  "Default: the operator's default provider. A provider that is not enabled is an error (BAD_USER_INPUT)."

builder.queryFields((t) => ({
  providers: t.field({
    type: [ProviderOffer],
    description: 'The providers that the operator has enabled, the default one first.',
    extensions: withCost({ maxItems: providerNames.length }),
    resolve: (_root, _args, { offers, defaultProvider }) =>
      [...offers.values()].toSorted((a, b) => Number(b.name === defaultProvider) - Number(a.name === defaultProvider)),
  }),
  quote: t.field({
    type: QuoteType,
    description: 'What a separation would cost.',
    args: {
      type: t.arg({
        type: SeparationTypeEnum,
        required: true,
        defaultValue: 'separate_vocal',
        description: 'Which stems to separate the track into.',
      }),
      provider: t.arg({ type: ProviderEnum, description: providerDescription }),
    },
    resolve: (_root, { type, provider }, { offers, defaultProvider }) => {
      return { offer: enabledOffer(offers, provider ?? defaultProvider), type }
    },
  }),
  credits: t.field({
    type: CreditBalanceType,
    description:
      "The balance of the operator's account at a provider. Only for callers whom the operator allows; for others it is an " +
      'error (FORBIDDEN). If the provider cannot be read, it is an error (UNAVAILABLE).',
    args: { provider: t.arg({ type: ProviderEnum, description: providerDescription }) },
    resolve: async (_root, { provider }, { offers, defaultProvider, mayReadCredits, caller }) => {
      if (!mayReadCredits(caller.owner)) throw creditsForbidden()
      const offer = enabledOffer(offers, provider ?? defaultProvider)
      const balance = await offer.readCredits()
      if (balance !== null) return balance
      throw new ProviderUnreadableError('The balance could not be read from the provider. Try again in a minute.')
    },
  }),
}))

function creditsForbidden(): GraphQLError {
  const message = 'You may not read the balance. The operator can add you to CREDITS_CALLERS.'
  return new GraphQLError(message, { extensions: { code: 'FORBIDDEN' } })
}
