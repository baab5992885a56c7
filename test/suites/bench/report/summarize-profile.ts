import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { SourceMap } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { printTable } from './print-table.ts'

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({
        functionName: z.string(),
        url: z.string(),
        lineNumber: z.number(),
        columnNumber: z.number(),
      }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
})

const mostRows = 25
const leastShare = 0.005

/** Where the CPU time of the profiled processes went: by package or folder, and by function. Idle time is left out. */
export async function summarizeProfiles(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))
  const texts = await Promise.all(
    names.map(async (name) => summarize(name, await readFile(join(folder, name), 'utf8'))),
  )
  return texts.join('\n\n')
}

function summarize(name: string, json: string): string {
  const { nodes, samples, timeDeltas } = profileSchema.parse(JSON.parse(json))
  const find = createSourceFinder()
  const byId = new Map(nodes.map(({ id, callFrame }) => [id, { ...callFrame, ...find(callFrame) }]))
  const groups = new Map<string, number>()
  const functions = new Map<string, number>()
  let total = 0
  for (const [index, id] of samples.entries()) {
    const frame = byId.get(id)
    const microseconds = timeDeltas[index] ?? 0
    if (frame === undefined || frame.functionName === '(idle)') continue
    total += microseconds
    add(groups, groupOf(frame), microseconds)
    add(functions, `${frame.functionName || 'anonymous'} ${placeOf(frame)}`, microseconds)
  }
  const rows = (of: ReadonlyMap<string, number>) =>
    [...of]
      .toSorted(([, a], [, b]) => b - a)
      .filter(([, microseconds]) => microseconds >= total * leastShare)
      .slice(0, mostRows)
      .map(([what, microseconds]) => [what, `${((100 * microseconds) / total).toFixed(1)} %`])
  return `${name}: ${(total / 1e6).toFixed(1)} s of CPU\n\n${printTable(rows(groups))}\n\n${printTable(rows(functions))}`
}

function add(to: Map<string, number>, key: string, value: number): void {
  to.set(key, (to.get(key) ?? 0) + value)
}

/** The package of a function, the folder of our own, or what Node calls it, for example `(garbage collector)`. */
function groupOf({ functionName, url }: { readonly functionName: string; readonly url: string }): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)'
  if (url.startsWith('node:')) return url.replace(/^node:(internal\/)?/, 'node:')
  const packageName = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  return packageName ?? url.replace(/^.*\/(dist|src)\//, '$1/').replace(/\/[^/]*$/, '')
}

function placeOf({ url, lineNumber }: { readonly url: string; readonly lineNumber: number }): string {
  return url === '' ? '' : `${url.replace(/^.*\/(dist|src|node_modules)\//, '')}:${lineNumber + 1}`
}

interface Place {
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

/** Finds the source of a place in a bundle, where the bundle has a source map. Lines and columns count from 0. */
function createSourceFinder(): (place: Place) => Pick<Place, 'url' | 'lineNumber'> {
  const maps = new Map<string, SourceMap | null>()
  return ({ url, lineNumber, columnNumber }) => {
    // A module is named by its URL, the script of the bundle by its path.
    const file = url.startsWith('file:') ? fileURLToPath(url) : url
    if (!isAbsolute(file)) return { url, lineNumber }
    let map = maps.get(url)
    if (map === undefined) {
      const path = `${file}.map`
      map = existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : null
      maps.set(url, map)
    }
    const entry = map?.findEntry(lineNumber, columnNumber)
    // The bundle's maps leave packages out.
    return entry !== undefined && 'originalSource' in entry && typeof entry.originalSource === 'string'
      ? { url: entry.originalSource, lineNumber: entry.originalLine }
      : { url, lineNumber }
  }
}
