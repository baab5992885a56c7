import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { traceSources } from './trace-sources.ts'

/** The file that holds all programs, beside this one. `tools/bundle.ts` makes it and its code cache. */
export const bundleName = 'stemgate.cjs'

/** The path of the code cache of a bundle. */
export function codeCacheOf(bundle: string): string {
  return `${bundle}.cache`
}

/**
 * Runs a program of the bundle with the code cache that the build made, so that V8 need not compile it again. V8 ignores the
 * cache of another version of itself. Returns the script of the bundle.
 * @param program the path of its source below `src`, without `.ts`
 */
export function launch(program: string): Script {
  const path = fileURLToPath(new URL(bundleName, import.meta.url))
  const cachedData = readIfExists(codeCacheOf(path))
  // The bundle consists of ASCII characters, which are read faster as latin1.
  const script = new Script(readFileSync(path, 'latin1'), {
    filename: path,
    ...(cachedData !== null && { cachedData }),
  })
  traceSources(path)
  script.runInThisContext()(program, createRequire(path), path)
  return script
}

function readIfExists(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}
