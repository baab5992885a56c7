import { cacheExchange, Client, fetchExchange } from 'urql'

/** Subscriptions are server-sent events, so this needs no further package. */
export const client = new Client({
  url: '/graphql',
  exchanges: [cacheExchange, fetchExchange],
  preferGetMethod: false,
  fetchSubscriptions: true,
})
