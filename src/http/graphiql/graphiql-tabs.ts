import { readOperation, type OperationName } from '../../graphql/operations.ts'
import { lastTaskPlaceholder } from './graphiql-script.ts'

/** A test track of the sandbox. */
export interface TestTrackOfTab {
  readonly audioId: string
  readonly description: string
  /** How the order is answered; an object is a refusal. */
  readonly answer: string | object
}

/** How many characters of a line GraphiQL shows in a window of 1280 pixels, without scrolling. */
const visibleColumns = 48

/**
 * The ready tabs: order, split, watch, read, list, and an order of each test track of the sandbox. They are the documents
 * of `schema/operations`, which frontends start from too, with their variables filled in.
 * @param testTracks none while the sandbox is off: then an order has to be filled in, because it costs
 */
export async function readGraphiqlTabs(testTracks: readonly TestTrackOfTab[]): Promise<string[]> {
  const isSandboxOn = testTracks.length > 0
  const price = isSandboxOn ? [] : ['The provider charges. Put in the two ids.']
  const track = isSandboxOn
    ? { musicTaskId: '"my-music"', audioId: '"done"' }
    : { musicTaskId: '"<id of the music task>"', audioId: '"<id of the track>"' }
  const follows = 'This page then shows the task until its end.'
  const lastTask = `"${lastTaskPlaceholder}": the last task of this browser.`
  const taskId = `"${lastTaskPlaceholder}"`
  return Promise.all([
    tab('separate', 'Separate', { input: input(track) }, [...price, 'Orders the voice and the rest.', follows]),
    tab('separate', 'Split', { input: input({ ...track, type: 'SPLIT_STEM' }) }, [
      ...price,
      'Orders every instrument.',
      follows,
    ]),
    tab('watch', 'Watch', { taskId }, [
      'Shows a task now and at every change.',
      lastTask,
      'To watch another one, put in its id.',
    ]),
    tab('read', 'Read', { taskId }, ['Reads a task.', lastTask, 'To read another one, put in its id.']),
    tab('list', 'List', { first: '10' }, ['Lists the newest tasks first.']),
    ...testTracks.map(({ audioId, description, answer }) => {
      const idempotencyKey = `"try-${audioId}-1"`
      const again =
        typeof answer === 'object'
          ? ['Nothing is charged, however often you play.']
          : ['Played again, it shows the same task.', 'To order anew: another key, and force: true.']
      return tab(
        'separate',
        titleOf(audioId),
        { input: input({ musicTaskId: '"my-music"', audioId: `"${audioId}"`, idempotencyKey }) },
        [`Test track ${audioId}:`, description, ...again],
      )
    }),
  ])
}

/** An operation under a title of its own, with values in the place of its variables, below a comment. */
async function tab(
  name: OperationName,
  title: string,
  values: Readonly<Record<string, string>>,
  comment: readonly string[],
): Promise<string> {
  const [, ...lines] = filledIn(await readOperation(name), title, values).split('\n')
  return [...comment.flatMap(commentLines), ...lines].join('\n')
}

/** An input object, a line for each of its fields, as the argument of a field that stands two spaces in. */
function input(fields: Readonly<Record<string, string>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `      ${name}: ${value}`)
  return ['{', ...lines, '    }'].join('\n')
}

/** An operation under another name, with values in the place of its variables; arguments without a value are left out. */
function filledIn(operation: string, title: string, values: Readonly<Record<string, string>>): string {
  return operation
    .replace(/^(mutation|query|subscription) .*$/m, `$1 ${title} {`)
    .replace(/(,\s*)?\b(\w+): \$(\w+)/g, (_all, comma = '', argument: string, variable: string) => {
      const value = values[variable]
      return value === undefined ? '' : `${comma}${argument}: ${value}`
    })
    .replace(/\(\s*,\s*/g, '(')
    .replace(/\(input: (\{[^}]*\})\)/, '(\n    input: $1\n  )')
}

/** A text as comments that can be read without scrolling. */
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
