import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

/** As whom a client asks. */
export interface Caller {
  readonly name: string
  readonly apiKey: string
}

/** An order as a client makes it. */
export interface Order {
  /** Anonymous if omitted. */
  readonly caller?: Caller
  readonly musicTaskId: string
  readonly audioId: string
  readonly type: 'SEPARATE_VOCAL' | 'SPLIT_STEM'
  readonly idempotencyKey: string | null
  readonly force: boolean
  /** The URL that is told of the task. */
  readonly webhookUrl?: string
  /** The gateway's default provider if omitted. */
  readonly provider?: 'APIKLEY'
}

/** The order without its caller, as `SeparateInput`. */
function inputOf({ caller: _caller, ...input }: Order): Omit<Order, 'caller'> {
  return input
}

/** How an order ended for the client. */
export type Ordered =
  | {
      readonly kind: 'task'
      readonly taskId: string
      readonly reused: boolean
      /** Whether the task waited for its slot when it was returned. */
      readonly wasQueued: boolean
    }
  | { readonly kind: 'refused'; readonly error: string }
  /** The clients were stopped before an answer arrived. */
  | { readonly kind: 'unanswered' }

/** A task as the gateway returns it. */
export interface ShownTask {
  readonly id: string
  readonly providerTaskId: string | null
  readonly status: string
  readonly settled: boolean
  readonly charge: string
  readonly audioId: string | null
  readonly failure: { readonly code: string } | null
  readonly stems: { readonly all: readonly { readonly url: string }[] } | null
}

/** How a subscription ended. */
export interface Watched {
  readonly taskId: string
  readonly last: ShownTask | null
  /** The error that ended it; null if it completed. */
  readonly problem: string | null
}

const taskFields =
  'id providerTaskId status settled charge audioId failure { code } stems { ... on StemSet { all { url } } }'
const resultFields = `
    __typename
    ... on SeparateSuccess { reused task { id phase } }
    ... on SeparateError { message retryable }`
const separate = `mutation ($input: SeparateInput!) { separate(input: $input) { ${resultFields} } }`
const separateAll = `mutation ($inputs: [SeparateInput!]!) {
  separateAll(inputs: $inputs) { index result { ${resultFields} } }
}`
const list = `query ($after: String) {
  separations(first: 100, after: $after) { edges { node { ${taskFields} } } pageInfo { hasNextPage endCursor } }
}`
const watch = `subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { ${taskFields} } }`

const requestTimeoutMs = 6_000
const retryMs = 150

/** The gateway's current address; null while it is down. */
export type Where = () => string | null

/** Orders, and repeats the same request after every error until there is a task or a final refusal. */
export async function orderUntilAnswered(where: Where, order: Order, stop: AbortSignal): Promise<Ordered> {
  while (!stop.aborted) {
    const variables = { input: inputOf(order) }
    const answer = await ask<{ separate: SeparateAnswer }>(where, separate, variables, order.caller).catch(() => null)
    const ended = endOf(answer?.separate)
    if (ended !== null) return ended
    await sleep(retryMs)
  }
  return { kind: 'unanswered' }
}

/** Orders all of them in one request of one caller, and repeats it for those that have neither a task nor a final refusal. */
export async function orderAllUntilAnswered(
  where: Where,
  orders: readonly Order[],
  stop: AbortSignal,
): Promise<readonly Ordered[]> {
  const ended = orders.map((): Ordered => ({ kind: 'unanswered' }))
  const caller = orders[0]?.caller
  let open = [...orders.keys()]
  while (open.length > 0 && !stop.aborted) {
    const inputs = open.flatMap((at) => orders[at] ?? []).map(inputOf)
    const variables = { inputs }
    const answer = await ask<{ separateAll: readonly AllItem[] }>(where, separateAll, variables, caller).catch(
      () => null,
    )
    for (const { index, result } of answer?.separateAll ?? []) {
      const at = open[index]
      const end = endOf(result ?? undefined)
      if (at !== undefined && end !== null) ended[at] = end
    }
    open = open.filter((at) => ended[at]?.kind === 'unanswered')
    if (open.length > 0) await sleep(retryMs)
  }
  return ended
}

interface AllItem {
  readonly index: number
  readonly result: SeparateAnswer | null
}

/** How the order ended; null if it is to be repeated. */
function endOf(result: SeparateAnswer | undefined): Ordered | null {
  if (result?.__typename === 'SeparateSuccess') {
    const { reused, task } = result
    return { kind: 'task', taskId: task.id, reused, wasQueued: task.phase === 'QUEUED' }
  }
  if (result === undefined) return null
  // The next month is too late to repeat it.
  const mayRepeat = result.retryable && result.__typename !== 'BudgetExceededError'
  return mayRepeat ? null : { kind: 'refused', error: result.__typename }
}

type SeparateAnswer =
  | {
      readonly __typename: 'SeparateSuccess'
      readonly reused: boolean
      readonly task: { readonly id: string; readonly phase: string }
    }
  | { readonly __typename: `${string}Error`; readonly retryable: boolean }

export interface WatchOptions {
  /** Anonymous if omitted. */
  readonly caller?: Caller | undefined
  /** Called with each state of the task. */
  readonly onShown?: () => void
}

/**
 * Watches a task with the client that frontends use, which connects again by itself, and asks again where the gateway says
 * that its store is away; null if it is told to stop first.
 */
export async function watchUntilComplete(
  where: Where,
  taskId: string,
  stop: AbortSignal,
  options: WatchOptions = {},
): Promise<Watched | null> {
  for (;;) {
    const ended = await watchOnce(where, taskId, stop, options)
    if (ended?.problem?.includes('"UNAVAILABLE"') !== true || stop.aborted) return ended
    await sleep(retryMs)
  }
}

async function watchOnce(
  where: Where,
  taskId: string,
  stop: AbortSignal,
  { caller, onShown = () => {} }: WatchOptions,
): Promise<Watched | null> {
  const client = createClient({
    url: () => `${(where() ?? 'http://127.0.0.1:1').replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: headersOf(caller),
    retryAttempts: Number.MAX_SAFE_INTEGER,
    retryWait: () => sleep(retryMs),
    shouldRetry: () => true,
  })
  const leave = () => client.terminate()
  stop.addEventListener('abort', leave)
  let last: ShownTask | null = null
  try {
    const report = client.iterate<{ separationUpdated: ShownTask | null }>({ query: watch, variables: { taskId } })
    const stopped = new Promise<null>((resolve) => stop.addEventListener('abort', () => resolve(null), { once: true }))
    for (;;) {
      const next = await Promise.race([report.next().catch(asProblem), stopped])
      if (next === null) return null
      if ('problem' in next) return { taskId, last, problem: next.problem }
      if (next.done) return { taskId, last, problem: null }
      if (next.value.errors !== undefined) return { taskId, last, problem: JSON.stringify(next.value.errors) }
      last = next.value.data?.separationUpdated ?? last
      onShown()
    }
  } finally {
    stop.removeEventListener('abort', leave)
    // Rejects if a connection to a stopped gateway was being opened.
    await Promise.resolve(client.dispose()).catch(() => {})
  }
}

function asProblem(error: unknown): { readonly problem: string } {
  return { problem: error instanceof Error ? error.message : JSON.stringify(error) }
}

/** Every task of a caller, page by page. Throws if the gateway cannot be reached. */
export async function listTasks(where: Where, caller?: Caller): Promise<readonly ShownTask[]> {
  const tasks: ShownTask[] = []
  for (let after: string | null = null; ;) {
    const page: TaskPage = await ask(where, list, { after }, caller)
    tasks.push(...page.separations.edges.map(({ node }) => node))
    const { hasNextPage, endCursor } = page.separations.pageInfo
    if (!hasNextPage) return tasks
    after = endCursor
  }
}

/** How many orders the caller's budget counts now. */
export async function readCounted(where: Where, caller?: Caller): Promise<number | null> {
  const { viewer }: { viewer: { budgets: readonly { used: number }[] } } = await ask(
    where,
    '{ viewer { budgets { used } } }',
    {},
    caller,
  )
  return viewer.budgets[0]?.used ?? null
}

interface TaskPage {
  readonly separations: {
    readonly edges: readonly { readonly node: ShownTask }[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
  }
}

/** Sends an operation once. Throws if the response has no data. */
async function ask<T>(where: Where, query: string, variables: object, caller?: Caller): Promise<T> {
  const url = where()
  if (url === null) throw new Error('The gateway is down.')
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headersOf(caller) },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(requestTimeoutMs),
  })
  const { data, errors }: { data?: T | null; errors?: unknown } = await response.json()
  if (data === null || data === undefined) throw new Error(JSON.stringify(errors))
  return data
}

function headersOf(caller: Caller | undefined): Readonly<Record<string, string>> {
  return caller === undefined ? {} : { authorization: `Bearer ${caller.apiKey}` }
}
