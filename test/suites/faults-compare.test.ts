import { expect, test } from 'vitest'
import type { Order, ShownTask } from './faults/client.ts'
import { compare } from './faults/compare.ts'
import type { CallerEvidence, Evidence, PurgeEvidence, Told } from './faults/evidence.ts'
import type { Charge } from './faults/ledger.ts'

const url = 'https://files.example/vocal.mp3'
const charge: Charge = {
  providerTaskId: 'kie-1',
  audioId: '1-plain',
  type: 'separate_vocal',
  callBackUrl: 'http://gateway.example/callbacks/kie/sep_1/token',
  taskId: 'sep_1',
  outcome: 'succeeded',
  stems: { vocalUrl: url },
  callsBack: true,
  doneAtMs: 0,
  callbackTaken: false,
  answerTaken: false,
}
const task: ShownTask = {
  id: 'sep_1',
  providerTaskId: 'kie-1',
  status: 'SUCCESS',
  settled: true,
  charge: 'CHARGED',
  audioId: '1-plain',
  failure: null,
  stems: { all: [{ url }] },
}
const unconfirmed: ShownTask = {
  ...task,
  providerTaskId: null,
  status: 'CREATE_TASK_FAILED',
  charge: 'MAYBE',
  failure: { code: 'SUBMISSION_UNCONFIRMED' },
  stems: null,
}
const order: Order = {
  caller: { name: 'app', apiKey: 'key of the app' },
  musicTaskId: 'music',
  audioId: '1-plain',
  type: 'SEPARATE_VOCAL',
  idempotencyKey: 'key',
  force: false,
}
const path = '/app'
const body = 'the body'
const data = { taskId: 'sep_1', revision: 3, status: 'SUCCESS', charge: 'CHARGED', stems: [{ url }] }
const settled: Told = { id: 'msg_1', path, body, type: 'separation.settled', data }
const failedBefore: Told = {
  ...settled,
  id: 'msg_0',
  body: 'an earlier body',
  data: { ...data, revision: 2, status: 'CREATE_TASK_FAILED', charge: 'MAYBE', stems: [] },
}
const warning: Told = { id: 'msg_2', path, body: 'the warning', type: 'budget.warning' }
const caller: CallerEvidence = {
  name: 'app',
  tasks: [task],
  budget: { limit: 1, used: 1 },
  told: { path, ofBudget: true },
}
const purge: PurgeEvidence = {
  expired: { stored: 10, whole: 0, halves: 0, deleted: 10 },
  young: { stored: 2, whole: 2 },
}
const ordered = { order, ended: { kind: 'task', taskId: 'sep_1', reused: false, wasQueued: false } } as const
const beyondBudget = { order, ended: { kind: 'refused', error: 'BudgetExceededError' } } as const
const sound: Evidence = {
  ledger: [charge],
  callers: [caller],
  told: [settled, warning],
  purge,
  orders: [ordered],
  watches: [{ taskId: 'sep_1', ended: { taskId: 'sep_1', last: task, problem: null } }],
}

/** The evidence of a caller with these tasks, who has no budget and is told nothing. */
function tasks(...all: readonly ShownTask[]): Partial<Evidence> {
  return { callers: [{ ...caller, tasks: all, budget: null, told: null }], told: [] }
}

/** The same, with a budget of which so much is used. */
function counted(used: number | null, limit: number, ...all: readonly ShownTask[]): Partial<Evidence> {
  return { callers: [{ ...caller, tasks: all, budget: { limit, used }, told: null }], told: [] }
}

test.each<[string, Partial<Evidence>]>([
  ['everything agrees', {}],
  ['the budget does not count a refused order', { ledger: [], ...counted(0, 1, { ...unconfirmed, charge: 'NONE' }) }],
  ['the budget cannot be read', counted(null, 1, task)],
  ['an order beyond the budget is refused', { orders: [ordered, beyondBudget] }],
  ['an order without any further report is unconfirmed', tasks(unconfirmed)],
  ['an order that never arrived is unconfirmed', { ledger: [], ...tasks(unconfirmed) }],
  [
    'only its callback was received',
    { ledger: [{ ...charge, callbackTaken: true }], ...tasks({ ...task, providerTaskId: null }) },
  ],
  ['a webhook came twice', { told: [settled, settled, warning, warning] }],
  ['the task was told before and after it changed, in any order', { told: [settled, failedBefore, warning] }],
  ['a budget was nearly used up twice', { told: [settled, warning, { ...warning, body: 'the warning, later' }] }],
  ['nothing was to be deleted', { purge: null }],
])('the comparison finds no breach if %s', (_name, evidence) => {
  expect(compare({ ...sound, ...evidence })).toEqual([])
})

test.each<[kind: string, name: string, evidence: Partial<Evidence>]>([
  ['charged twice', 'one task has two charges', { ledger: [charge, { ...charge, audioId: '2-plain' }] }],
  [
    'charged twice',
    'one track has two charges',
    { ledger: [charge, { ...charge, taskId: 'sep_2' }], ...tasks(task, { ...task, id: 'sep_2' }) },
  ],
  ['lost', 'the gateway has no such task', tasks()],
  [
    'lost',
    'a callback was accepted and the task is unconfirmed',
    { ledger: [{ ...charge, callbackTaken: true }], ...tasks(unconfirmed) },
  ],
  [
    'lost',
    'an answer was accepted and the task is unconfirmed',
    { ledger: [{ ...charge, answerTaken: true }], ...tasks(unconfirmed) },
  ],
  ['contradictions', 'a charge is reported as NONE', tasks({ ...unconfirmed, charge: 'NONE' })],
  ['contradictions', 'the task is still pending', tasks({ ...task, status: 'PENDING', settled: false, stems: null })],
  [
    'contradictions',
    'a failure is reported as a success',
    { ledger: [{ ...charge, outcome: 'failed' }], ...tasks(task) },
  ],
  ['contradictions', 'the stems differ', tasks({ ...task, stems: { all: [] } })],
  [
    'contradictions',
    'the task is unbound although no callback was sent',
    { ledger: [{ ...charge, callsBack: false }], ...tasks({ ...task, providerTaskId: null }) },
  ],
  ['contradictions', 'the task is bound to another charge', tasks({ ...task, providerTaskId: 'kie-2' })],
  ['contradictions', 'a task without a charge is a success', { ledger: [] }],
  ['contradictions', 'the budget lost an order', counted(0, 1, task)],
  ['contradictions', 'the budget counts an order twice', counted(2, 3, task)],
  ['contradictions', 'an order is refused that the budget allows', { orders: [beyondBudget], ...counted(1, 2, task) }],
  [
    'budgets passed',
    'more orders may be charged than the budget allows',
    counted(2, 1, task, { ...unconfirmed, id: 'sep_2' }),
  ],
  [
    'budgets passed',
    'more orders are charged than the budget allows',
    {
      ledger: [charge, { ...charge, audioId: '2-plain', taskId: 'sep_2' }],
      told: [],
      callers: [
        ...(counted(1, 1, task).callers ?? []),
        { name: 'other', tasks: [{ ...task, id: 'sep_2' }], budget: null, told: null },
      ],
      orders: [ordered, { ...ordered, order: { ...order, audioId: '2-plain' } }],
    },
  ],
  [
    'contradictions',
    'a repeated order does not join its task because the budget is used up',
    { orders: [ordered, { ...beyondBudget, isRepeat: true }] },
  ],
  [
    'contradictions',
    'an order is refused without a reason',
    { orders: [{ order, ended: { kind: 'refused', error: 'InvalidInputError' } }] },
  ],
  ['never answered', 'an order has no answer', { orders: [{ order, ended: { kind: 'unanswered' } }] }],
  ['never answered', 'a subscription has no end', { watches: [{ taskId: 'sep_1', ended: null }] }],
  [
    'never answered',
    'a subscription ended too early',
    { watches: [{ taskId: 'sep_1', ended: { taskId: 'sep_1', last: null, problem: null } }] },
  ],
  [
    'keys to two tasks',
    'a key returns another task',
    { orders: [...sound.orders, { order, ended: { kind: 'task', taskId: 'sep_2', reused: false, wasQueued: false } }] },
  ],
  ['webhooks lost', 'no webhook tells a task', { told: [warning] }],
  ['webhooks lost', 'no webhook tells what became of a task in the end', { told: [failedBefore, warning] }],
  ['webhooks lost', 'a webhook lacks a stem', { told: [{ ...settled, data: { ...data, stems: [] } }, warning] }],
  [
    'webhooks lost',
    'a webhook names another charge',
    { told: [{ ...settled, data: { ...data, charge: 'MAYBE' } }, warning] },
  ],
  ['webhooks lost', 'no webhook warns of a budget that is used up', { told: [settled] }],
  [
    'webhooks with two ids or bodies',
    'a repeated webhook has another body',
    { told: [settled, { ...settled, body: 'other' }, warning] },
  ],
  [
    'webhooks with two ids or bodies',
    'a repeated webhook has another id',
    { told: [settled, { ...settled, id: 'msg_3' }, warning] },
  ],
  [
    'webhooks with two ids or bodies',
    'a repeated warning has another id',
    { told: [settled, warning, { ...warning, id: 'msg_3' }] },
  ],
  [
    'contradictions',
    'another caller is told of the task',
    { told: [settled, { ...settled, path: '/other' }, warning] },
  ],
  [
    'old tasks kept',
    'an old task is still there',
    { purge: { ...purge, expired: { ...purge.expired, whole: 1, deleted: 9 } } },
  ],
  ['young tasks deleted', 'a young task is gone', { purge: { ...purge, young: { stored: 2, whole: 1 } } }],
  ['contradictions', 'half an old task remains', { purge: { ...purge, expired: { ...purge.expired, halves: 1 } } }],
  [
    'contradictions',
    'an old task has left no tombstone',
    { purge: { ...purge, expired: { ...purge.expired, deleted: 9 } } },
  ],
])('the comparison reports "%s" if %s', (kind, _name, evidence) => {
  const kinds = compare({ ...sound, ...evidence }).map((breach) => breach.kind)
  expect([...new Set(kinds)]).toEqual([kind])
})
