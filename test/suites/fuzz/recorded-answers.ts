import * as fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../fixtures/', import.meta.url)

/** Stands for what is known once the order is there: its callback's address, and the id that it was given. */
export const unknowns = { address: 'CALLBACK', id: 'PROVIDERID' } as const

const values = fc.oneof(
  fc.constantFrom<unknown>(
    'SUCCESS',
    'PENDING',
    'CALLBACK_EXCEPTION',
    'CREATE_TASK_FAILED',
    '',
    ' ',
    'null',
    '200',
    'https://a.example/b c.mp3',

    'javascript:alert(1)',
    'data:audio/mp3;base64,AAAA',
    'ftp://a.example/x.mp3',
    'http://[::1',
    'http://user:word@a.example/x',
    unknowns.id,
    `see ${unknowns.address} for more`,
    unknowns.address.repeat(3),
    'Record does not exist',
    200,
    401,
    402,
    404,
    422,
    429,
    430,
    455,
    500,
    501,
    -1,
    0,
    1.5,
    1e21,
    Number.MAX_SAFE_INTEGER,
    true,
    false,
    null,
    [],
    {},
    [[]],
    [{}],
    [null],
    { __proto__: null, constructor: 1 },
  ),
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.nat(3_000).map((size) => 'x'.repeat(size)),
)

/** What a change does at one place of a body. */
interface Change {
  readonly at: number
  readonly how: 'replace' | 'remove' | 'rename' | 'wrap'
  readonly value: unknown
  readonly name: string
}
const changes = fc.array(
  fc.record({
    at: fc.nat(40),
    how: fc.constantFrom(...(['replace', 'replace', 'replace', 'remove', 'rename', 'wrap'] as const)),
    value: values,
    name: fc.constantFrom(
      'code',
      'data',
      'msg',
      'taskId',
      'task_id',
      'vocalUrl',
      'originData',
      'x_info',
      '__proto__',
      'Url',
      'status',
    ),
  }),
  { maxLength: 4 },
)

/** The answers and callbacks that were recorded whose names begin so, most of them changed here and there, as text. */
export function recordedAnswers(beginning: RegExp): fc.Arbitrary<string> {
  const recorded = readdirSync(folder)
    .filter((name) => beginning.test(name) && name.endsWith('.json'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  return fc.tuple(fc.constantFrom(...recorded), changes).map(([text, all]) => {
    const named = text.replace(/"(taskId|task_id)": "[^"]*"/g, `"$1": "${unknowns.id}"`)
    return JSON.stringify(all.reduce(changed, JSON.parse(named))) ?? 'null'
  })
}

/** The body with one of its places changed; they are counted from the outermost one. */
function changed(body: unknown, { at, how, value, name }: Change): unknown {
  let left = at
  const walk = (node: unknown): unknown => {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return node
    const entries = Object.entries(node).flatMap(([key, each]): [string, unknown][] => {
      if (left-- !== 0) return [[key, walk(each)]]
      switch (how) {
        case 'replace':
          return [[key, value]]
        case 'remove':
          return []
        case 'rename':
          return [[name, each]]
        case 'wrap':
          return [[key, [each, { [name]: each }]]]
      }
    })
    return Object.fromEntries(entries)
  }
  return walk(body)
}
