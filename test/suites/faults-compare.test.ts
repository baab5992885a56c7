import { expect, test } from 'vitest'
import type { Order, ShownTask } from './faults/client.ts'
import { compare, type Evidence } from './faults/compare.ts'
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
  musicTaskId: 'music',
  audioId: '1-plain',
  type: 'SEPARATE_VOCAL',
  idempotencyKey: 'key',
  force: false,
}
const sound: Evidence = {
  ledger: [charge],
  tasks: [task],
  counted: null,
  orders: [{ order, ended: { kind: 'task', taskId: 'sep_1', reused: false, wasQueued: false } }],
  watches: [{ taskId: 'sep_1', ended: { taskId: 'sep_1', last: task, problem: null } }],
}

test.each<[string, Partial<Evidence>]>([
  ['everything agrees', {}],
  ['the budget counts the order', { counted: 1 }],
  [
    'the budget does not count a refused order',
    { ledger: [], tasks: [{ ...unconfirmed, charge: 'NONE' }], counted: 0 },
  ],
  ['an order without any further report is unconfirmed', { tasks: [unconfirmed] }],
  ['an order that never arrived is unconfirmed', { ledger: [], tasks: [unconfirmed] }],
  [
    'only its callback was received',
    { ledger: [{ ...charge, callbackTaken: true }], tasks: [{ ...task, providerTaskId: null }] },
  ],
])('the comparison finds no breach if %s', (_name, evidence) => {
  expect(compare({ ...sound, ...evidence })).toEqual([])
})

test.each<[kind: string, name: string, evidence: Partial<Evidence>]>([
  ['charged twice', 'one task has two charges', { ledger: [charge, { ...charge, audioId: '2-plain' }] }],
  [
    'charged twice',
    'one track has two charges',
    { ledger: [charge, { ...charge, taskId: 'sep_2' }], tasks: [task, { ...task, id: 'sep_2' }] },
  ],
  ['lost', 'the gateway has no such task', { tasks: [] }],
  [
    'lost',
    'a callback was accepted and the task is unconfirmed',
    { ledger: [{ ...charge, callbackTaken: true }], tasks: [unconfirmed] },
  ],
  [
    'lost',
    'an answer was accepted and the task is unconfirmed',
    { ledger: [{ ...charge, answerTaken: true }], tasks: [unconfirmed] },
  ],
  ['contradictions', 'a charge is reported as NONE', { tasks: [{ ...unconfirmed, charge: 'NONE' }] }],
  [
    'contradictions',
    'the task is still pending',
    { tasks: [{ ...task, status: 'PENDING', settled: false, stems: null }] },
  ],
  ['contradictions', 'a failure is reported as a success', { ledger: [{ ...charge, outcome: 'failed' }] }],
  ['contradictions', 'the stems differ', { tasks: [{ ...task, stems: { all: [] } }] }],
  [
    'contradictions',
    'the task is unbound although no callback was sent',
    { ledger: [{ ...charge, callsBack: false }], tasks: [{ ...task, providerTaskId: null }] },
  ],
  ['contradictions', 'the task is bound to another charge', { tasks: [{ ...task, providerTaskId: 'kie-2' }] }],
  ['contradictions', 'a task without a charge is a success', { ledger: [] }],
  ['contradictions', 'the budget lost an order', { counted: 0 }],
  ['contradictions', 'the budget counts an order twice', { counted: 2 }],
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
])('the comparison reports "%s" if %s', (kind, _name, evidence) => {
  const kinds = compare({ ...sound, ...evidence }).map((breach) => breach.kind)
  expect([...new Set(kinds)]).toEqual([kind])
})
