import { UsageError } from '../../runtime/usage-error.ts'
import type {
  OperatorFilter,
  OperatorPage,
  OperatorStore,
  OperatorTasks,
} from '../../separation/store/operator-store.ts'
import { isTaskId } from '../../separation/task/task-id.ts'
import { phaseOf, statusOf, type SeparationStatus } from '../../separation/task/task-status.ts'
import type { Task } from '../../separation/task/task.ts'
import type { Command, CommandInput } from '../command.ts'
import { describeTask } from '../describe-task.ts'
import { formatAge } from '../format-age.ts'
import { parseCount, parseDuration, parseOneOf, parseOwnerOption, parseProvider } from '../parse-values.ts'
import { formatTable } from '../table.ts'

const statuses: readonly SeparationStatus[] = [
  'PENDING',
  'SUCCESS',
  'CREATE_TASK_FAILED',
  'GENERATE_AUDIO_FAILED',
  'CALLBACK_EXCEPTION',
]
const maxLimit = 1_000
const defaultLimit = 50

/** Lists tasks. */
export const tasks: Command = {
  name: 'tasks',
  summary: 'List the tasks of all callers, newest first',
  details:
    'Tasks match all of the given filters. A list by --owner, of pending tasks, or of tasks with --maybe, --unconfirmed or\n' +
    '--queued reads what it prints. Any other filter looks at the newest 20,000 tasks at a time: the last line says how to\n' +
    'go on.',
  usage: '',
  args: { min: 0, max: 0 },
  options: {
    maybe: { help: 'only tasks that may be charged: in flight, or unconfirmed' },
    unconfirmed: { help: 'of these, only those whose answer was lost, pending or given up: see resolve' },
    queued: { help: 'only pending tasks whose order waits to be sent, so that nothing is charged yet' },
    status: { value: '<status>', multiple: true, help: `any of ${statuses.join(', ').toLowerCase()}` },
    provider: { value: '<provider>', help: 'only tasks of this provider' },
    owner: { value: '<owner>', help: 'only tasks of this caller, such as key:web' },
    'older-than': { value: '<time>', help: 'only tasks that were created longer ago, such as 90s, 15m, 2h or 7d' },
    limit: { value: '<number>', help: `how many to print, at most ${maxLimit}; by default ${defaultLimit}` },
    after: { value: '<task id>', help: 'what follows this task in the list' },
  },
  changes: false,
  async run(input, { store }) {
    const limit = parseCount(input.text('limit') ?? String(defaultLimit), 'limit', { min: 1, max: maxLimit })
    const after = parseAfter(input.text('after'))
    const filter = filterOf(input)
    const { operator, nowMs } = await store()
    const where = { ...filter.where, createdBeforeMs: filter.ageMs === null ? undefined : nowMs() - filter.ageMs }
    const matches = input.has('unconfirmed') ? isUnconfirmed : () => true
    const page = await listMatching(operator, { where, after, limit }, matches)
    return {
      text: [tableOf(page.tasks, nowMs()), ...(page.next === null ? [] : ['', `More: --after ${page.next}`])].join(
        '\n',
      ),
      json: { tasks: page.tasks.map(describeTask), next: page.next },
    }
  },
}

function filterOf(input: CommandInput): { readonly where: OperatorFilter; readonly ageMs: number | null } {
  const given = input.texts('status').map((text) => parseOneOf(text, statuses, 'status'))
  const isUncertain = input.has('maybe') || input.has('unconfirmed')
  const isQueued = input.has('queued')
  if (input.has('unconfirmed') && given.length > 0) throw new UsageError('Give either --unconfirmed or --status.')
  if (isQueued && (given.length > 0 || isUncertain)) {
    throw new UsageError('Give --queued without --status, --maybe and --unconfirmed.')
  }
  const provider = input.text('provider')
  const olderThan = input.text('older-than')
  const status = isQueued ? (['PENDING'] as const) : given
  return {
    where: {
      provider: provider === null ? undefined : parseProvider(provider),
      status: status.length === 0 ? undefined : status,
      charge: isQueued ? 'NONE' : isUncertain ? 'MAYBE' : undefined,
      owner: parseOwnerOption(input.text('owner')) ?? undefined,
    },
    ageMs: olderThan === null ? null : parseDuration(olderThan, 'older-than'),
  }
}

/** Whether the answer to the order was lost. Of the tasks that may be charged, the others are being sent. */
function isUnconfirmed(task: Task): boolean {
  return task.state !== 'pending' || phaseOf(task) === 'UNCONFIRMED'
}

/** A part of the list with those tasks alone that match. Reads on until it is full, or the list ends. */
async function listMatching(
  operator: Pick<OperatorStore, 'listAll'>,
  { where, after, limit }: OperatorPage,
  matches: (task: Task) => boolean,
): Promise<OperatorTasks> {
  const { tasks: read, next } = await operator.listAll({ where, after, limit })
  const found = read.filter(matches)
  // A page from which nothing was left out goes on as the store says.
  if (next === null || found.length === read.length) return { tasks: found, next }
  const rest = await listMatching(operator, { where, after: next, limit: limit - found.length }, matches)
  return { tasks: [...found, ...rest.tasks], next: rest.next }
}

function parseAfter(text: string | null): string | undefined {
  if (text === null) return undefined
  const id = text.toLowerCase()
  if (!isTaskId(id)) throw new UsageError('--after must be a task id, as the list prints it.')
  return id
}

function tableOf(found: readonly Task[], nowMs: number): string {
  if (found.length === 0) return 'No task matches.'
  return formatTable(
    [
      { title: 'ID' },
      { title: 'AGE', align: 'right' },
      { title: 'OWNER' },
      { title: 'PROVIDER' },
      { title: 'TYPE' },
      { title: 'STATUS' },
      { title: 'CHARGE' },
      { title: 'DETAIL' },
    ],
    found.map((task) => [
      task.id,
      formatAge(nowMs - task.createdAtMs),
      task.owner,
      task.provider,
      task.type,
      statusOf(task),
      task.charge,
      task.state === 'failed' ? task.failure.code : task.state === 'pending' ? phaseOf(task) : null,
    ]),
  )
}
