import type { UndeliveredMessage, WebhookEndpointStatus } from '../../separation/store/webhook-control.ts'
import type { Command } from '../command.ts'
import { timeOf } from '../describe-task.ts'
import { parseCount, parseOwnerOption } from '../parse-values.ts'
import { formatTable } from '../table.ts'

const defaultLimit = 50
const maxLimit = 1_000

/** Lists endpoints and what was not delivered. */
export const webhooks: Command = {
  name: 'webhooks',
  summary: 'List the endpoints of webhooks, and the messages that were not delivered yet',
  details:
    'Endpoints with undelivered messages come first, messages oldest first. Of a URL, only the host is shown: the rest may\n' +
    'hold a secret.',
  usage: '',
  args: { min: 0, max: 0 },
  options: {
    owner: { value: '<owner>', help: 'only those of this caller, such as key:web' },
    limit: { value: '<number>', help: `how many of each to print, at most ${maxLimit}; by default ${defaultLimit}` },
  },
  changes: false,
  async run(input, { store }) {
    const limit = parseCount(input.text('limit') ?? String(defaultLimit), 'limit', { min: 1, max: maxLimit })
    const owner = parseOwnerOption(input.text('owner'))
    const { webhooks: queue } = await store()
    const endpoints = (await queue.endpoints(owner, limit)).map(describeEndpoint)
    const messages = (await queue.undelivered(owner, limit)).map(describeMessage)
    return { text: textOf(endpoints, messages), json: { endpoints, messages } }
  },
}

function describeEndpoint({ endpoint, failingSinceMs, paused, undelivered, oldestAtMs }: WebhookEndpointStatus) {
  return {
    id: endpoint.id,
    owner: endpoint.owner,
    host: new URL(endpoint.url).host,
    undelivered,
    oldestAt: timeOf(oldestAtMs),
    failingSince: timeOf(failingSinceMs),
    pausedAt: timeOf(paused?.atMs ?? null),
    pausedBecause: paused?.why ?? null,
  }
}

function describeMessage({
  id,
  endpoint,
  type,
  taskId,
  createdAtMs,
  dueAtMs,
  failures,
  lastAnswer,
}: UndeliveredMessage) {
  return {
    id,
    endpoint: endpoint.id,
    type,
    taskId,
    createdAt: timeOf(createdAtMs),
    nextAttemptAt: timeOf(dueAtMs),
    failures,
    lastAnswer,
  }
}

function textOf(
  endpoints: readonly ReturnType<typeof describeEndpoint>[],
  messages: readonly ReturnType<typeof describeMessage>[],
): string {
  if (endpoints.length === 0) return 'There is no endpoint.'
  const list = formatTable(
    [
      { title: 'ENDPOINT' },
      { title: 'OWNER' },
      { title: 'HOST' },
      { title: 'UNDELIVERED', align: 'right' },
      { title: 'FAILING SINCE' },
      { title: 'PAUSED' },
    ],
    endpoints.map((each) => [
      each.id,
      each.owner,
      each.host,
      each.undelivered,
      each.failingSince,
      each.pausedAt === null ? null : `${each.pausedAt} ${each.pausedBecause}`,
    ]),
  )
  if (messages.length === 0) return `${list}\n\nEvery message was delivered.`
  const waiting = formatTable(
    [
      { title: 'TASK' },
      { title: 'TYPE' },
      { title: 'ENDPOINT' },
      { title: 'STORED' },
      { title: 'NEXT ATTEMPT' },
      { title: 'FAILURES', align: 'right' },
      { title: 'LAST ANSWER' },
    ],
    messages.map((each) => [
      each.taskId,
      each.type,
      each.endpoint,
      each.createdAt,
      each.nextAttemptAt ?? 'held',
      each.failures,
      each.lastAnswer,
    ]),
  )
  return `${list}\n\n${waiting}`
}
