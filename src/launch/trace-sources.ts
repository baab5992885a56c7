import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, resolve } from 'node:path'

/** One line of a trace. */
interface Call extends NodeJS.CallSite {
  /** As V8 writes it in a stack trace. */
  toString(): string
}

/**
 * Makes stack traces name the source files of a bundle, by its source map, in place of the bundle. The map is read at the
 * first trace. Node's `--enable-source-maps` reads maps at the start, and not for scripts.
 */
export function traceSources(bundle: string): void {
  let map: SourceMap | null | undefined
  const readMap = (): SourceMap | null => {
    try {
      return new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')))
    } catch {
      return null
    }
  }

  /** Replaces the position in the description of a call, if it is one of the bundle. */
  function describe(call: Call): string {
    const text = call.toString()
    const [line, column] = [call.getLineNumber(), call.getColumnNumber()]
    if (call.getFileName() !== bundle || line === null || column === null) return text
    map ??= readMap()
    const entry = map?.findEntry(line - 1, column - 1)
    if (entry === undefined || !('originalSource' in entry) || typeof entry.originalSource !== 'string') return text
    const source = resolve(dirname(bundle), entry.originalSource)
    return text.replace(
      `${bundle}:${line}:${column}`,
      `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`,
    )
  }

  Error.prepareStackTrace = (error, calls: readonly Call[]) => {
    // As V8 does it. The `toString` of an error of its own may say more than its stack: a GraphQLError prints the document.
    const title = Error.prototype.toString.call(error)
    return [title, ...calls.map((call) => `    at ${describe(call)}`)].join('\n')
  }
}
