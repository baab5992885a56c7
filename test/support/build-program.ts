import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildClient } from '../../tools/build-client.ts'
import { buildGateway } from '../suites/faults/gateway-process.ts'
import { makeTemplates } from './templates.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The path of the gateway's program as `npm run build` makes it, with the others in the same folder. */
    readonly program: string
  }
}

/**
 * Builds the programs, the client package and the templates of databases from the sources as they are now, once for all projects of a run, and again before each later run
 * of a watch. Tests find them with `inject`.
 */
export default async function buildProgram({ vitest }: TestProject): Promise<() => Promise<void>> {
  if ('program' in vitest.getRootProject().getProvidedContext()) return async () => {}
  let remove = async () => {}
  const build = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stemgate-program-'))
    const [program] = await Promise.all([buildGateway(folder), buildClient()])
    const { templates, end } = await makeTemplates(dirname(program), folder)
    vitest.provide('program', program)
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
