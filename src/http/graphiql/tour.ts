import type { OperationName } from '../../graphql/operations.ts'
import { lastTaskPlaceholder } from './graphiql-script.ts'
import { inputListText, inputText } from './with-values.ts'

/** A test track of the sandbox. */
export interface TestTrackOfTab {
  readonly audioId: string
  readonly description: string
  /** The answer to the order. An object is a refusal. */
  readonly answer: string | object
  /** How its files are served. GraphiQL shows no difference. */
  readonly files: string
}

/** A tab of GraphiQL: a document of `schema/operations` with values instead of variables, below a comment. */
export interface Tab {
  readonly operation: OperationName
  /** The name of the operation, which is the title of the tab. */
  readonly title: string
  /** GraphQL text, by the name of the variable. */
  readonly values: Readonly<Record<string, string>>
  /** Sentences: what to press, and what appears. */
  readonly comment: readonly string[]
}

/** The longest wait that a request may ask for. */
const waitSeconds = '60'

/**
 * The tabs in their order: order, watch, read, list, order and wait, order many, watch many, what the gateway offers.
 * @param isSandboxOn if not, the ids of an order are left to fill in, because it costs money
 */
export function tourTabs(isSandboxOn: boolean): readonly Tab[] {
  const price = isSandboxOn ? [] : ['The provider charges. Fill in the two ids.']
  const track = isSandboxOn
    ? trackOf('done')
    : { musicTaskId: '"<id of the music task>"', audioId: '"<id of the track>"' }
  const taskId = `"${lastTaskPlaceholder}"`
  const lastTask = `${taskId} is the last task of this browser.`

  return [
    {
      operation: 'separate',
      title: 'Separate',
      values: { input: inputText(track) },
      comment: [
        ...price,
        'Press play: a task appears, PENDING unless you have ordered this track before.',
        'Then press play in the tab Watch.',
      ],
    },
    {
      operation: 'watch',
      title: 'Watch',
      values: { taskId },
      comment: ['Press play: the task appears, again after every change, and at last with its stems.', lastTask],
    },
    {
      operation: 'read',
      title: 'Read',
      values: { taskId },
      comment: ['Press play: the task appears as it is now.', lastTask],
    },
    {
      operation: 'list',
      title: 'List',
      values: { first: '10' },
      comment: ['Press play: your newest 10 tasks appear.'],
    },
    {
      operation: 'separate',
      title: 'Split',
      values: { input: inputText({ ...track, type: 'SPLIT_STEM' }), waitSeconds },
      comment: [
        ...price,
        `Press play: a task with every instrument appears, or a PENDING one after ${waitSeconds} seconds.`,
      ],
    },
    {
      operation: 'separate-all',
      title: 'Separate_all',
      values: { inputs: inputListText(isSandboxOn ? [trackOf('slow-2'), trackOf('no-credits')] : [track]) },
      comment: [
        ...price,
        isSandboxOn ? 'Press play: a task and a refusal appear.' : 'Press play: a task appears.',
        'Then press play in the tab Dashboard.',
      ],
    },
    {
      operation: 'dashboard',
      title: 'Dashboard',
      values: {},
      comment: ['Press play: your tasks appear one by one, then each that changes, until you press stop.'],
    },
    {
      operation: 'overview',
      title: 'Overview',
      values: {},
      comment: ['Press play: you, your limits, the providers and their prices appear.'],
    },
  ]
}

/** One order for each test track whose outcome differs from that of the tour, and shows in GraphiQL. */
export function testTrackTabs(testTracks: readonly TestTrackOfTab[]): readonly Tab[] {
  return testTracks
    .filter(({ audioId, files }) => audioId !== 'done' && files === 'friendly')
    .map(({ audioId, description, answer }) => ({
      operation: 'separate',
      // `failed-creation` as `Try_failed_creation`.
      title: `Try_${audioId.replaceAll('-', '_')}`,
      values: { input: inputText({ ...trackOf(audioId), idempotencyKey: `"try-${audioId}-1"` }), waitSeconds },
      comment:
        typeof answer === 'object'
          ? ['Press play: the refusal appears. Nothing is charged.', description]
          : [
              'Press play: the outcome appears. If it is PENDING after a minute, press play again.',
              description,
              'For a new task, change the key and set force: true.',
            ],
    }))
}

function trackOf(audioId: string): Readonly<Record<string, string>> {
  return { musicTaskId: '"my-music"', audioId: `"${audioId}"` }
}
