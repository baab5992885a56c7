import { isMainThread } from 'node:worker_threads'
import { copyForParent } from '../backup/copy-in-worker.ts'
import { createEnvironmentSource } from '../program/environment-source.ts'
import { runAdmin } from './run-admin.ts'

/** Shows and changes what gateways store. */

if (isMainThread) void main()
// The command backup copies in a thread.
else copyForParent()

async function main(): Promise<void> {
  const { code, stdout, stderr } = await runAdmin(process.argv.slice(2), {
    environment: createEnvironmentSource(process.env, process.execArgv).read(),
    program: process.argv[1] ?? '',
    note: console.error,
    onStop,
  })
  if (stdout !== '') console.log(stdout)
  if (stderr !== '') console.error(stderr)
  process.exitCode = code
}

function onStop(clean: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      clean()
      process.exit(1)
    })
  }
}
