import { readOperation, type OperationName } from '../../graphql/operations.ts'
import { lastTaskPlaceholder } from './graphiql-script.ts'

/** A test track of the sandbox. */
export interface TestTrackOfTab {
  readonly audioId: string
  readonly description: string
  /** The answer to the order. An object is a refusal. */
  readonly answer: string | object
}

/** How many characters of a line GraphiQL shows in a window of 1280 pixels without scrolling. */
const visibleColumns = 48

/**
 * The tabs that GraphiQL opens with: order, split, watch, read, list, and one order for each test track of the sandbox. They
 * are the documents in `schema/operations` with values instead of variables.
 * @param testTracks empty if the sandbox is off. Then the ids of an order are left to fill in, because it costs money
 */
export async function readGraphiqlTabs(testTracks: readonly TestTrackOfTab[]): Promise<string[]> {
  const isSandboxOn = testTracks.length > 0
  const price = isSandboxOn ? [] : ['The provider charges. Fill in the two ids.']
  const track = isSandboxOn
    ? { musicTaskId: '"my-music"', audioId: '"done"' }
    : { musicTaskId: '"<id of the music task>"', audioId: '"<id of the track>"' }
  const follows = 'The page then shows the task until it is settled.'
  const lastTask = `"${lastTaskPlaceholder}" is the last task of this browser.`
  const taskId = `"${lastTaskPlaceholder}"`
  return Promise.all([
    tab('separate', 'Separate', { input: input(track) }, [...price, 'Orders vocals and instrumental.', follows]),
    tab('separate', 'Split', { input: input({ ...track, type: 'SPLIT_STEM' }) }, [
      ...price,
      'Orders every instrument.',
      follows,
    ]),
    tab('watch', 'Watch', { taskId }, [
      'Shows a task now and after every change.',
      lastTask,
      'Replace it to watch another task.',
    ]),
    tab('read', 'Read', { taskId }, ['Reads a task.', lastTask, 'Replace it to read another task.']),
    tab('list', 'List', { first: '10' }, ['Lists tasks, newest first.']),
    ...testTracks.map(({ audioId, description, answer }) => {
      const idempotencyKey = `"try-${audioId}-1"`
      const hints =
        typeof answer === 'object'
          ? ['Nothing is charged.']
          : ['A second run returns the same task.', 'To order again, change the key, set force: true.']
      return tab(
        'separate',
        titleOf(audioId),
        { input: input({ musicTaskId: '"my-music"', audioId: `"${audioId}"`, idempotencyKey }) },
        [`Test track ${audioId}:`, description, ...hints],
      )
    }),
  ])
}

/** An operation with its own name, with values instead of variables, below a comment. */
async function tab(
  name: OperationName,
  title: string,
  values: Readonly<Record<string, string>>,
  comment: readonly string[],
): Promise<string> {
  const [, ...lines] = withValues(await readOperation(name), title, values).split('\n')
  return [...comment.flatMap(commentLines), ...lines].join('\n')
}

/** An input object with one field per line, as the argument of a field that is indented by 2 spaces. */
function input(fields: Readonly<Record<string, string>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `      ${name}: ${value}`)
  return ['{', ...lines, '    }'].join('\n')
}

/** Renames an operation and replaces its variables by values. Drops arguments without a value. */
function withValues(operation: string, title: string, values: Readonly<Record<string, string>>): string {
  return operation
    .replace(/^(mutation|query|subscription) .*$/m, `$1 ${title} {`)
    .replace(/(,\s*)?\b(\w+): \$(\w+)/g, (_all, comma = '', argument: string, variable: string) => {
      const value = values[variable]
      return value === undefined ? '' : `${comma}${argument}: ${value}`
    })
    .replace(/\(\s*,\s*/g, '(')
    .replace(/\(input: (\{[^}]*\})\)/, '(\n    input: $1\n  )')
}

/** Wraps a text into comment lines that fit without scrolling. */
function commentLines(text: string): string[] {
  const lines: string[] = []
  let line = '#'
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > visibleColumns) {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return [...lines, line]
}

/** `failed-creation` as `Try_failed_creation`. */
function titleOf(audioId: string): string {
  return `Try_${audioId.replaceAll('-', '_')}`
}
