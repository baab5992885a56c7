import { request } from 'undici'
import type { Place } from './fuzz-world.ts'

/** Everything that can be seen of a task. */
export const wholeTask = `fragment WholeTask on SeparationTask {
  id provider providerTaskId type status settled revision musicTaskId audioId musicId originUrl charge createdAt
  completedAt expiresAt
  stems { __typename ... on StemSet { all { id part label url durationSeconds expiresAt } missing } }
  failure { code providerCode message }
}`

export interface Answered {
  readonly status: number
  readonly text: string
}

/** Sends an operation by POST, in the name of the place's caller unless another one is given. */
export async function askPlace(
  { gateway, authorization: own }: Place,
  query: string,
  variables: object = {},
  authorization: string | null = own,
): Promise<Answered> {
  const { statusCode, body } = await request(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(authorization === null ? {} : { authorization }),
    },
    body: JSON.stringify({ query, variables }),
  })
  return { status: statusCode, text: await body.text() }
}

export interface Ordered extends Answered {
  /** The type of the result; null if there is none. */
  readonly type: string | null
  readonly reused: boolean | null
  readonly taskId: string | null
}

const orderText = `mutation ($input: SeparateInput!) { separate(input: $input) {
  __typename
  ... on SeparateSuccess { reused task { ...WholeTask } }
  ... on SeparateError { message retryable }
  ... on RateLimitedError { retryAfterSeconds }
  ... on ProviderRefusedError { providerCode }
  ... on InvalidInputError { issues { path message } }
} } ${wholeTask}`

/** Orders the track of that name. */
export async function orderAt(createOrder: Place, provider: 'KIE' | 'APIKLEY', track: string): Promise<Ordered> {
  const answered = await askPlace(createOrder, orderText, { input: { musicTaskId: track, audioId: track, provider } })
  interface Shape {
    readonly data?: {
      readonly separate: {
        readonly __typename: string
        readonly reused?: boolean
        readonly task?: { readonly id: string }
      }
    } | null
  }
  const { data }: Shape = JSON.parse(answered.text)
  const separated = data?.separate
  return {
    ...answered,
    type: separated?.__typename ?? null,
    reused: separated?.reused ?? null,
    taskId: separated?.task?.id ?? null,
  }
}
