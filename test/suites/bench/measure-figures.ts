import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withEndings } from '../faults/endings.ts'
import type { Figure } from './figures/figure.ts'
import type { Result, Run } from './report/result.ts'
import { buildBareServers } from './servers/build-servers.ts'
import { pinLoad } from './servers/pinned.ts'

export interface MeasureOptions {
  /** The path of the built gateway. */
  readonly program: string
  readonly figures: readonly Figure[]
  readonly rounds: number
  readonly seconds: number
  /** See `Setting.profiles`. */
  readonly profiles: string | null
  readonly onProgress: (line: string) => void
}

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** Below the repository, because what is under /tmp may be no disk at all. */
const dataFolder = join(root, 'data')

/** Measures the figures one after the other, each with new servers and an empty folder. */
export async function measureFigures({
  program,
  figures,
  rounds,
  seconds,
  profiles,
  onProgress,
}: MeasureOptions): Promise<Run> {
  const before = loadavg()[0] ?? 0
  const isPinned = await pinLoad()
  if (!isPinned) onProgress('There are not two CPUs and taskset here, so servers and load share what there is.')
  const results: Result[] = []
  await mkdir(dataFolder, { recursive: true })
  for (const figure of figures) {
    onProgress(`${figure.name}: ${figure.about}`)
    await withEndings(async (atEnd) => {
      const folder = await mkdtemp(join(dataFolder, 'bench-'))
      const remove = () => rmSync(folder, { recursive: true, force: true })
      // A run that is broken off leaves nothing behind either.
      process.once('exit', remove)
      atEnd(() => {
        process.off('exit', remove)
        remove()
      })
      const servers = await buildBareServers(join(folder, 'servers'))
      const setting = { program, servers, isPinned, folder, rounds, seconds, profiles, onProgress }
      results.push(...(await figure.measure(setting, atEnd)))
    })
  }
  return {
    at: new Date().toISOString(),
    machine: `${cpus().length} cores, Node ${process.version}`,
    load: [before, loadavg()[0] ?? 0],
    commit: await commitOf(),
    results,
  }
}

/** The commit that was measured; null outside of a repository. */
function commitOf(): Promise<string | null> {
  return promisify(execFile)('git', ['describe', '--always', '--dirty'], { cwd: root }).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  )
}
