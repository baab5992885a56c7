/** What every gateway promises, whatever arrives. */
export const promises = [
  'the gateway lives and answers',
  'every input is answered or let go',
  'no answer is a fault of the gateway',
  'no answer tells of its inside',
  'no answer holds a secret',
  'nothing that is printed holds a secret',
  'nothing that is printed is a fault of the gateway',
  'every charge was ordered',
  'no order is charged twice',
  'what is said to be charged is charged',
  'no forged callback changes a task',
  'no forged callback is told to a subscriber',
  'an ordinary order goes its way',
] as const

/** A promise that was not kept. */
export interface Breach {
  readonly promise: (typeof promises)[number]
  readonly detail: string
}

const longestDetail = 600

export function breach(promise: Breach['promise'], detail: string): Breach {
  return { promise, detail: detail.slice(0, longestDetail) }
}
