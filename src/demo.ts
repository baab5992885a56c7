import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { createClient } from 'graphql-ws'
import { pino } from 'pino'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { startApp } from './app.ts'
import { parseConfig } from './config/config.ts'
import { readOperation } from './graphql/operations.ts'
import { handleArguments } from './program/handle-arguments.ts'

/** A complete separation in the sandbox, as a frontend does it: order over HTTP, subscribe over WebSocket, download the stems. */

const folder = 'stems'
const sandboxDelayMs = 2_000
const deadlineMs = 60_000

const taskSchema = z.object({
  id: z.string(),
  status: z.string(),
  revision: z.number(),
  settled: z.boolean(),
  allStems: z.array(z.object({ part: z.string(), url: z.string(), durationSeconds: z.number().nullable() })),
})
type Task = z.infer<typeof taskSchema>

const usage = `Orders two separations from Stemgate's sandbox and saves their stems in ${folder}/. Nothing is charged.

Usage: npm run demo    or: node dist/demo.js

Options:
  --version    print the version
  -h, --help   print this text

It starts a gateway of its own, reads no environment variables, and needs no key and no database.

Exit codes: 0 if both separations have succeeded, 1 otherwise.

The guide for your own frontend: docs/frontend.md`

void main()

async function main(): Promise<void> {
  const given = handleArguments(process.argv.slice(2), usage)
  if (typeof given === 'number') {
    process.exitCode = given
    return
  }
  const config = parseConfig({ PORT: '0', DATABASE_URL: ':memory:', SANDBOX_DELAY_MS: String(sandboxDelayMs) })
  const app = await startApp(config, pino({ level: 'warn' }, pino.destination(2)))
  // A subscription may wait without end.
  const deadline = setTimeout(() => {
    console.error(
      `\nThe demo has not finished after ${deadlineMs / 1000} s. To find out why, run LOG_LEVEL=debug npm start.`,
    )
    process.exit(1)
  }, deadlineMs)
  try {
    console.log(`Stemgate is running at ${app.url}/graphql with the sandbox provider. Nothing is charged.\n`)
    for (const type of ['SEPARATE_VOCAL', 'SPLIT_STEM'] as const) await separate(app.url, type)
    console.log('Done. Run `npm start` to try more in GraphiQL.')
  } finally {
    clearTimeout(deadline)
    await app.close()
  }
}

async function separate(url: string, type: 'SEPARATE_VOCAL' | 'SPLIT_STEM'): Promise<void> {
  console.log(`${type}: order over HTTP, wait over WebSocket`)
  const ordered = await order(url, type)
  const done = await watch(url, ordered.id)
  if (done.status !== 'SUCCESS') throw new Error(`The separation ended with status ${done.status}.`)

  const taskFolder = join(folder, done.id)
  await mkdir(taskFolder, { recursive: true })
  for (const stem of done.allStems) {
    const response = await fetch(stem.url)
    if (!response.ok) throw new Error(`${stem.url} answered ${response.status}.`)
    const bytes = Buffer.from(await response.arrayBuffer())
    const file = join(taskFolder, `${stem.part.toLowerCase()}.wav`)
    await writeFile(file, bytes)
    const length = stem.durationSeconds === null ? '' : `${stem.durationSeconds} s, `
    console.log(`  ${stem.part.padEnd(16)} ${length}${Math.round(bytes.length / 1024)} KiB   ${file}`)
  }
  console.log(
    `  ${done.allStems.length} stems are in ${relative('.', taskFolder)}/. Play them with any audio player.\n`,
  )
}

async function order(url: string, type: string): Promise<Task> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: await readOperation('separate'),
      variables: { input: { musicTaskId: 'demo-music', audioId: 'done', type } },
    }),
  })
  const answer: unknown = await response.json()
  const parsed = z.object({ data: z.object({ separate: z.object({ task: taskSchema }) }) }).safeParse(answer)
  if (!parsed.success) throw new Error(`The order was refused: ${JSON.stringify(answer)}`)
  return parsed.data.data.separate.task
}

/** Prints every update and the elapsed time until the task is settled. */
async function watch(url: string, taskId: string): Promise<Task> {
  const client = createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket })
  const stopProgress = showProgress()
  let last: Task | null = null
  try {
    const updates = client.iterate({ query: await readOperation('watch'), variables: { taskId } })
    for await (const update of updates) {
      const task = z.object({ data: z.object({ separationUpdated: taskSchema }) }).parse(update).data.separationUpdated
      last = task
      print(`  ${task.id} is ${task.status} (revision ${task.revision})`)
    }
  } finally {
    stopProgress()
    await client.dispose()
  }
  if (last === null) throw new Error('The subscription ended without an update.')
  return last
}

/** Prints the elapsed time: on a terminal in one line, elsewhere once a second. */
function showProgress(): () => void {
  const startedAt = performance.now()
  const intervalMs = process.stdout.isTTY ? 100 : 1_000
  const timer = setInterval(() => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    if (process.stdout.isTTY) process.stdout.write(`\r  … separating, ${seconds} s`)
    else console.log(`  … separating, ${seconds} s`)
  }, intervalMs)
  return () => clearInterval(timer)
}

function print(line: string): void {
  console.log(process.stdout.isTTY ? `\r\u001b[K${line}` : line)
}
