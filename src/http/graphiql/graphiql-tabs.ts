import { readOperation } from '../../graphql/operations.ts'
import { testTrackTabs, tourTabs, type Tab, type TestTrackOfTab } from './tour.ts'
import { withValues } from './with-values.ts'

export interface GraphiqlTabsOptions {
  /** Empty if the sandbox is off. */
  readonly testTracks: readonly TestTrackOfTab[]
  readonly takesCredentials: boolean
}

/** How many characters of a line GraphiQL shows in a window of 1280 pixels without scrolling. */
const visibleColumns = 48

/** The texts of the tabs that GraphiQL opens with: the tour, then one order for each test track of the sandbox. */
export async function readGraphiqlTabs({ testTracks, takesCredentials }: GraphiqlTabsOptions): Promise<string[]> {
  const tabs = [...tourTabs(testTracks.length > 0), ...testTrackTabs(testTracks)]
  const credential = ['Put your key into Headers, once for all tabs:', '{"Authorization": "Bearer <key>"}']
  return Promise.all(tabs.map((tab) => textOf(tab, takesCredentials ? credential : [])))
}

async function textOf({ operation, title, values, comment }: Tab, first: readonly string[]): Promise<string> {
  const [, ...lines] = withValues(await readOperation(operation), title, values).split('\n')
  return [...[...first, ...comment].flatMap(commentLines), ...lines].join('\n')
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
