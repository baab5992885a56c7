import { setTimeout as sleep } from 'node:timers/promises'
import { rowsOf } from '../../support/database.ts'
import { recordOfSuccess } from '../../support/played-provider.ts'
import { signatureOf } from './signature-of.ts'
import { orderAt } from './fuzz-callers.ts'
import type { Charge } from './fuzz-provider.ts'
import type { FuzzWorld, Place } from './fuzz-world.ts'
import type { OrderBook } from './order-book.ts'
import { sendPipelined, type PipelinedRequest } from './pipelined.ts'
import { untilEnd } from './watch-tasks.ts'

/** An order that was accepted like any other. */
export interface OrderedTask extends Charge {
  readonly taskId: string
}

/** Orders a track of its own. Throws if that is not taken. */
export async function orderTask(
  { provider }: FuzzWorld,
  orders: OrderBook,
  createOrder: Place,
  of: 'KIE' | 'APIKLEY',
): Promise<OrderedTask> {
  const track = orders.newTrack()
  const ordered = await orderAt(createOrder, of, track)
  orders.add({ track, mayCharge: () => true, saysCharged: ordered.reused === false, shown: () => ordered.text })
  const charge = provider.charges.findLast(({ audioId }) => audioId === track)
  if (charge === undefined || ordered.taskId === null) throw new Error(`The order was not taken: ${ordered.text}`)
  return { ...charge, taskId: ordered.taskId }
}

/** Calls the task back as its provider does; resolves when a subscriber was told of its end, to what was sent. */
export async function settleTask(
  { provider }: FuzzWorld,
  createOrder: Place,
  task: OrderedTask,
): Promise<PipelinedRequest> {
  const { callBackUrl, providerTaskId, taskId } = task
  provider.answerRead(providerTaskId, recordOfSuccess(providerTaskId))
  const info = {
    vocal_url: 'https://files.example/vocal.mp3',
    instrumental_url: 'https://files.example/instrumental.mp3',
  }
  const body = { code: 200, msg: 'done', data: { task_id: providerTaskId, vocal_separation_info: info } }
  const request = {
    path: new URL(callBackUrl).pathname,
    headers: signatureOf('good', providerTaskId),
    body: Buffer.from(JSON.stringify(body)),
  }
  const port = Number(new URL(createOrder.gateway.url).port)
  const settled = untilEnd(createOrder, taskId)
  const [answer] = await sendPipelined({ port, from: '127.0.0.1', requests: [request] })
  if (answer?.status !== 200) throw new Error(`A good callback was answered with ${answer?.text}`)
  const report = await settled
  if (report.at(-1)?.includes('"SUCCESS"') !== true) throw new Error(`The subscription ended with ${report.at(-1)}`)
  return request
}

const columns =
  'id, owner, provider, provider_task_id, type, status, charge, music_task_id, audio_id, created_at, revision, task'

/** The tasks as they are stored, but for when they are to be asked for, and when a callback last woke them. */
export async function rowsOfTasks({ gateway }: Place, taskIds: readonly string[]): Promise<readonly string[]> {
  const rows = await rowsOf(gateway, `select ${columns} from tasks where id in (${listed(taskIds)}) order by id`)
  return rows.map((row) => JSON.stringify(row))
}

/** When callbacks last woke the tasks. */
export async function wakingsOf({ gateway }: Place, taskIds: readonly string[]): Promise<string> {
  return JSON.stringify(
    await rowsOf(gateway, `select id, callback_at from tasks where id in (${listed(taskIds)}) order by id`),
  )
}

const soonMs = 60_000
const lookAgainMs = 50

/** Resolves when none of the tasks is about to be asked for any more. */
export async function untilNoneIsDue({ gateway }: Place, taskIds: readonly string[]): Promise<void> {
  for (;;) {
    const due = `select id from tasks where id in (${listed(taskIds)}) and due_at <= ${Date.now() + soonMs}`
    if ((await rowsOf(gateway, due)).length === 0) return
    await sleep(lookAgainMs)
  }
}

function listed(taskIds: readonly string[]): string {
  return taskIds.map((id) => `'${id}'`).join(', ')
}
