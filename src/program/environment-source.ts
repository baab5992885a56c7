import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type { Environment } from '../config/environment.ts'

/** The environment of this process, and the files that Node.js has added to it. */
export interface EnvironmentSource {
  /** Whether Node.js was told to read files (`node --env-file=…`). */
  readonly hasFiles: boolean
  /** The environment as it would be at a start now: the files are read again. Throws if one of them cannot be read. */
  read(): Environment
}

const fileOption = /^--env-file(-if-exists)?(?:=(.*))?$/s

interface EnvironmentFile {
  readonly path: string
  readonly isOptional: boolean
}

/**
 * Node.js reads its environment files once, at the start. A variable of the process's own environment wins over them, then
 * and later; one that has the same value in both counts as the file's.
 * @param environment of the process, the files included
 * @param execArgv the options with which Node.js was started
 */
export function createEnvironmentSource(environment: Environment, execArgv: readonly string[]): EnvironmentSource {
  const files = environmentFiles(execArgv)
  const atStart = readFiles(files)
  const own = Object.entries(environment).filter(([name, value]) => !(name in atStart) || atStart[name] !== value)
  return {
    hasFiles: files.length > 0,
    read: () => (files.length === 0 ? environment : { ...readFiles(files), ...Object.fromEntries(own) }),
  }
}

function environmentFiles(execArgv: readonly string[]): readonly EnvironmentFile[] {
  return execArgv.flatMap((option, index) => {
    const [match, ifExists, path = execArgv[index + 1]] = fileOption.exec(option) ?? []
    return match === undefined || path === undefined
      ? []
      : [{ path: resolve(path), isOptional: ifExists !== undefined }]
  })
}

function readFiles(files: readonly EnvironmentFile[]): Environment {
  return Object.assign({}, ...files.map((file) => parseEnv(readFile(file))))
}

function readFile({ path, isOptional }: EnvironmentFile): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (isOptional && isMissing) return ''
    throw error
  }
}
