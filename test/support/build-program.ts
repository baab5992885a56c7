import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildGateway } from '../suites/faults/gateway-process.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The path of the program as it is in production, built from the sources as they are now. */
    readonly program: string
  }
}

/** Builds the program once for a whole run. Its tests find it with `inject('program')`. */
export default async function buildProgram(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-program-'))
  project.provide('program', await buildGateway(folder))
  return () => rm(folder, { recursive: true, force: true })
}
