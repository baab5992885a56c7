import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildGateway, bundleGateway } from '../suites/faults/gateway-process.ts'
import { makeTemplates } from './templates.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The path of the gateway's program, with the others in folders beside it: bundled, because tests start them often. */
    readonly program: string
    /** The folder of the programs as `npm run build` makes them, which are what runs in production. */
    readonly dist: string
  }
}

/**
 * Builds the programs and the templates of databases from the sources as they are now, once for all projects of a run, and again before each later run
 * of a watch. Tests find them with `inject`.
 */
export default async function buildProgram({ vitest }: TestProject): Promise<() => Promise<void>> {
  if ('program' in vitest.getRootProject().getProvidedContext()) return async () => {}
  let remove = async () => {}
  const build = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stemgate-program-'))
    const program = await buildGateway(folder)
    const [bundled, { templates, end }] = await Promise.all([
      bundleGateway(program),
      makeTemplates(dirname(program), folder),
    ])
    vitest.provide('dist', dirname(program))
    vitest.provide('program', bundled)
    vitest.provide('templates', templates)
    // No test of a watch uses the earlier build any more.
    await remove()
    remove = async () => {
      await end()
      await rm(folder, { recursive: true, force: true })
    }
  }
  await build()
  vitest.onTestsRerun(build)
  return () => remove()
}
