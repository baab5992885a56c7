import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Edit } from './bugs.ts'

/** The results of the tests. */
export interface Verdict {
  readonly passed: number
  /** The names of the tests that failed. */
  readonly failed: readonly string[]
}

/** A copy of the repository in which bugs can be planted. */
export interface PlantedCopy {
  /** Applies the edits until the returned function is called. Throws if one of them does not fit exactly once. */
  plant(edits: readonly Edit[]): Promise<() => Promise<void>>
  /** Runs test files (names below test, without `.test.ts`). Throws if they could not be run at all. */
  run(tests: readonly string[]): Promise<Verdict>
  remove(): Promise<void>
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const left = new Set(['.git', 'dist', 'data', 'stems', 'coverage', 'node_modules'])
const longestRunMs = 180_000

/** Copies the working tree into a temporary folder. */
export async function copyRepository(): Promise<PlantedCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-planted-'))
  for (const name of await readdir(root)) {
    if (!left.has(name)) await cp(join(root, name), join(folder, name), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))

  return {
    async plant(edits) {
      const originals = new Map<string, string>()
      const texts = new Map<string, string>()
      for (const { file, from, to } of edits) {
        const path = join(folder, 'src', file)
        const text = texts.get(path) ?? (await readFile(path, 'utf8'))
        if (!originals.has(path)) originals.set(path, text)
        const times = text.split(from).length - 1
        if (times !== 1) throw new Error(`src/${file} holds ${times} times, not once: ${from}`)
        texts.set(
          path,
          text.replace(from, () => to),
        )
      }
      const write = async (files: ReadonlyMap<string, string>) => {
        for (const [path, text] of files) await writeFile(path, text)
      }
      await write(texts)
      return () => write(originals)
    },

    async run(tests) {
      const report = join(folder, 'report.json')
      await rm(report, { force: true })
      const vitest = join(root, 'node_modules/vitest/vitest.mjs')
      const files = tests.map((name) => `test/${name}.test.ts`)
      const args = [
        vitest,
        'run',
        '--project=unit',
        '--project=alone',
        '--reporter=json',
        `--outputFile=${report}`,
        ...files,
      ]
      const said = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: longestRunMs }).catch(
        (error: unknown) => error,
      )
      const text = await readFile(report, 'utf8').catch(() => {
        throw new Error('The tests could not be run.', { cause: said })
      })
      return verdictOf(JSON.parse(text))
    },

    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

function verdictOf({ testResults }: Report): Verdict {
  const unread = testResults.find(({ assertionResults }) => assertionResults.length === 0)
  if (unread !== undefined) throw new Error(`A test file could not be read: ${unread.message}`)
  const all = testResults.flatMap(({ assertionResults }) => assertionResults)
  return {
    passed: all.filter(({ status }) => status === 'passed').length,
    failed: all.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  }
}
