import { expect, test } from 'vitest'
import { formatLine } from '../../src/program/format-line.ts'

test('text of others in a line for people cannot control the terminal', () => {
  const hostile = '\u001b[2J\u009b2J\u007f'
  const err = { message: hostile, stack: `Error: first\n${hostile}\n    at submit (rest-provider.ts:1:1)` }
  const line = formatLine(JSON.stringify({ level: 40, time: 0, msg: 'a call failed', cause: hostile, err }))
  const shown = String.raw`\u001b[2J\u009b2J\u007f`
  expect(line).toBe(
    [
      `1970-01-01T00:00:00.000Z warn  a call failed cause="${shown}" err="${shown}"`,
      shown,
      '    at submit (rest-provider.ts:1:1)\n',
    ].join('\n'),
  )
})
