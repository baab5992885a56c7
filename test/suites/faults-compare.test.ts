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
  orders: [{ order, ended: { kind: 'task', taskId: 'sep_1', reused: false } }],
  watches: [{ taskId: 'sep_1', ended: { taskId: 'sep_1', last: task, problem: null } }],
}

test.each<[string, Partial<Evidence>]>([
  ['everything agrees', {}],
  ['an order that nobody heard of again is unconfirmed', { tasks: [unconfirmed] }],
  ['an order that never arrived is unconfirmed', { ledger: [], tasks: [unconfirmed] }],
  [
    'its callback alone was heard',
    { ledger: [{ ...charge, callbackTaken: true }], tasks: [{ ...task, providerTaskId: null }] },
  ],
])('nothing is wrong where %s', (_name, evidence) => {
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
    'a callback was taken and the task is unconfirmed',
    { ledger: [{ ...charge, callbackTaken: true }], tasks: [unconfirmed] },
  ],
  [
    'lost',
    'an answer was taken and the task is unconfirmed',
    { ledger: [{ ...charge, answerTaken: true }], tasks: [unconfirmed] },
  ],
  ['contradictions', 'a charge is called none', { tasks: [{ ...unconfirmed, charge: 'NONE' }] }],
  [
    'contradictions',
    'the task is still pending',
    { tasks: [{ ...task, status: 'PENDING', settled: false, stems: null }] },
  ],
  ['contradictions', 'a failure is called a success', { ledger: [{ ...charge, outcome: 'failed' }] }],
  ['contradictions', 'the stems are others', { tasks: [{ ...task, stems: { all: [] } }] }],
  [
    'contradictions',
    'the task is bound to nothing, and no callback can have told of it',
    { ledger: [{ ...charge, callsBack: false }], tasks: [{ ...task, providerTaskId: null }] },
  ],
  ['contradictions', 'the task is bound to another charge', { tasks: [{ ...task, providerTaskId: 'kie-2' }] }],
  ['contradictions', 'what was never charged is a success', { ledger: [] }],
  [
    'contradictions',
    'an order is refused for no reason',
    { orders: [{ order, ended: { kind: 'refused', error: 'InvalidInputError' } }] },
  ],
  ['never answered', 'an order has no answer', { orders: [{ order, ended: { kind: 'unanswered' } }] }],
  ['never answered', 'a watch has no end', { watches: [{ taskId: 'sep_1', ended: null }] }],
  [
    'never answered',
    'a watch ended too early',
    { watches: [{ taskId: 'sep_1', ended: { taskId: 'sep_1', last: null, problem: null } }] },
  ],
  [
    'keys to two tasks',
    'a key leads to another task',
    { orders: [...sound.orders, { order, ended: { kind: 'task', taskId: 'sep_2', reused: false } }] },
  ],
])('%s: %s', (kind, _name, evidence) => {
  const kinds = compare({ ...sound, ...evidence }).map((breach) => breach.kind)
  expect([...new Set(kinds)]).toEqual([kind])
})
