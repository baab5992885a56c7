import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildGateway, bundleGateway } from '../suites/faults/gateway-process.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The path of the gateway's program, with the others in folders beside it: bundled, because tests start them often. */
    readonly program: string
    /** The folder of the programs as `npm run build` makes them, which are what runs in production. */
    readonly dist: string
  }
}

/**
 * Builds the programs from the sources as they are now, once for all projects of a run, and again before each later run
 * of a watch. Tests find them with `inject`.
 */
export default async function buildProgram({ vitest }: TestProject): Promise<() => Promise<void>> {
  if ('program' in vitest.getRootProject().getProvidedContext()) return async () => {}
  const folders: string[] = []
  const build = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stemgate-program-'))
    folders.push(folder)
    const program = await buildGateway(folder)
    vitest.provide('dist', dirname(program))
    vitest.provide('program', await bundleGateway(program))
  }
  await build()
  vitest.onTestsRerun(build)
  return async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  }
}
