import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runAdmin, storeTasks } from '../support/admin.ts'
import { changeRows, newDatabase } from '../support/database.ts'
import { failedTask } from '../support/tasks.ts'

const guide = readFileSync(new URL('../../docs/operator/commands.md', import.meta.url), 'utf8')

/** What the guide shows after a command. */
function sampleOf(command: string): string {
  const [, output] = new RegExp(`^\\$ npm run admin -- ${command}\\n((?:[^$\`].*\\n)+)`, 'm').exec(guide) ?? []
  if (output === undefined) throw new Error(`The guide has no output of ${command}.`)
  return output
}

test('the sample of keys in the guide is what the command prints', async () => {
  const environment = {
    ...(await newDatabase()),
    SANDBOX: 'true',
    API_KEYS: 'web:sample-key-of-web-1, web:sample-key-of-web-2 expires=2027-01-01',
  }
  const sample = sampleOf('keys')
  for (const row of sample.split('\n')) {
    const [, owner = '', credential = '', time = ''] = /^(\S+) +(\S+) .* (\d{4}-\S+) \(\d+[smhd] ago\)$/.exec(row) ?? []
    if (time === '') continue
    const values = [owner, credential, Date.parse(time)]
    await changeRows({ environment }, 'insert into callers (owner, credential, last_used_at) values (?, ?, ?)', values)
  }
  const { code, stdout, stderr } = await runAdmin({ environment }, 'keys')
  const withoutAge = (text: string) => text.replace(/\(\d+[smhd] ago\)/g, '(… ago)')
  expect({ code, stderr, stdout: withoutAge(stdout) }).toEqual({ code: 0, stderr: '', stdout: withoutAge(sample) })
})

test('the sample of resolve in the guide is what the command prints', async () => {
  const id = /resolve --not-charged (sep_\w+)/.exec(guide)?.[1] ?? ''
  const environment = { ...(await newDatabase()), SANDBOX: 'true' }
  const order = { id, providerTaskId: null, charge: 'MAYBE', createdAtMs: Date.now() - 3_600_000 } as const
  const failure = { ...failedTask().failure, code: 'SUBMISSION_UNCONFIRMED', by: 'gateway' } as const
  await storeTasks({ environment }, [failedTask({ ...order, failure })])
  const { code, stdout } = await runAdmin({ environment }, 'resolve', '--not-charged', id)
  expect({ code, stdout }).toEqual({ code: 0, stdout: sampleOf(`resolve --not-charged ${id}`) })
})
