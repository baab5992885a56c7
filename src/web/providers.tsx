import type { Overview } from './overview.ts'
import { budgetWords, providerWords, typeWords } from './words.ts'

export interface ProvidersProps {
  readonly providers: Overview['providers']
  readonly viewer: Overview['viewer']
}

/** The enabled providers: whether they accept orders, what they cost, how long they keep files. */
export function Providers({ providers, viewer: { orders, budgets } }: ProvidersProps) {
  const allowed = providers.filter((provider) => provider.allowed)
  return (
    <section class="card" aria-labelledby="providers-heading">
      <h2 id="providers-heading">Providers</h2>
      <ul class="providers">
        {allowed.map(({ name, available, isDefault, quotes, retentionDays }) => (
          <li key={name}>
            <p class="row">
              <strong>{providerWords[name]}</strong>
              {isDefault && allowed.length > 1 && <span class="soft">default</span>}
              <span class={`standing ${available ? 'ready' : 'failed'}`}>
                {available ? 'Accepts orders' : 'Not available now'}
              </span>
            </p>
            <dl class="note">
              {quotes
                .filter((quote) => quote.allowed)
                .map(({ type, credits }) => (
                  <div key={type}>
                    <dt>{typeWords[type]}</dt>
                    <dd>{priceText(credits)}</dd>
                  </div>
                ))}
              <div>
                <dt>Files are kept for</dt>
                <dd>{retentionDays} days</dd>
              </div>
            </dl>
          </li>
        ))}
      </ul>
      {providers.length === 0 && <p class="soft">No provider is enabled. The operator sets a provider’s key.</p>}
      {providers.length > 0 && allowed.length === 0 && (
        <p class="soft">The operator lets you order from no provider that is enabled.</p>
      )}
      <p class="note">
        {orders.remaining.toLocaleString('en')} of {orders.perMinute.toLocaleString('en')} orders left in this minute.
      </p>
      {budgets.map(({ kind, period, limit, used }) => (
        <p key={`${kind} ${period}`} class="note">
          {used.toLocaleString('en')} of {limit.toLocaleString('en')} {budgetWords[kind]} used{' '}
          {period === 'DAY' ? 'today' : 'this month'}.
        </p>
      ))}
    </section>
  )
}

/** A price in the provider's credits. */
export function priceText(credits: number | null): string {
  if (credits === null) return 'price not given'
  return credits === 1 ? '1 credit' : `${credits.toLocaleString('en')} credits`
}
