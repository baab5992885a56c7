import { expect } from 'vitest'
import type { Task } from '../../src/separation/task/task.ts'
import { columnsOf } from '../../src/stores/task/stored-task.ts'
import { expectNoCanary } from './canaries.ts'
import { changeRows } from './database.ts'
import { runProgram } from './run-program.ts'

/** What a gateway, or anything else with an environment, was started with. */
interface Started {
  readonly environment: Readonly<Record<string, string>>
}

/** Runs a command of `stemgate admin` in a process of its own, on the database of a gateway. */
export async function runAdmin({ environment }: Started, ...args: readonly string[]) {
  const output = await runProgram('admin/main.js', args, environment)
  expectNoCanary(output.stdout + output.stderr, 'what the program has written')
  return output
}

/** What a command prints as JSON. Fails if it has not done all that was asked for. */
export async function adminJson(gateway: Started, ...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runAdmin(gateway, ...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) })
  return JSON.parse(stdout)
}

/** Stores tasks that a gateway could have, none of them due, in its database. */
export async function storeTasks(gateway: Started, tasks: readonly Task[]): Promise<void> {
  for (const task of tasks) {
    const row = { ...columnsOf(task), due_at: null }
    const names = Object.keys(row)
    const values = Object.values(row)
    await changeRows(gateway, `insert into tasks (${names.join()}) values (${names.map(() => '?').join()})`, values)
  }
}
