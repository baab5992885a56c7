import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { possibleTypes } from '@stemgate/client/possible-types'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'

/** Queries and mutations go over HTTP: graphql-ws would send a mutation again after a dropped socket. */
export const client = new ApolloClient({
  cache: new InMemoryCache({ possibleTypes }),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(
      createClient({ url: '/graphql', retryAttempts: Number.POSITIVE_INFINITY, shouldRetry: () => true }),
    ),
    new HttpLink({ uri: '/graphql' }),
  ),
})
