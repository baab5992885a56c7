/** The guarantees of every gateway under hostile input. */
export const promises = [
  'the gateway stays up and answers',
  'every input gets a response or a closed connection',
  'no response is an internal error',
  'no response reveals internals',
  'no response contains a secret',
  'no output contains a secret',
  'no output reports an internal error',
  'every charge was ordered',
  'no order is charged twice',
  'every task reported as charged was charged',
  'no forged callback changes a task',
  'no forged callback is published to a subscriber',
  'an ordinary order still succeeds',
] as const

/** A broken guarantee. */
export interface Breach {
  readonly promise: (typeof promises)[number]
  readonly detail: string
}

const maxDetailLength = 600

export function breach(promise: Breach['promise'], detail: string): Breach {
  return { promise, detail: detail.slice(0, maxDetailLength) }
}
