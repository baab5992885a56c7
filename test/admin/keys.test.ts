import { expect, test } from 'vitest'
import { adminJson, runAdmin } from '../support/admin.ts'
import { callerOf, mobileKey, startGuarded, webKey } from '../support/callers.ts'

test('callers are listed with the keys that they use, once the gateway has stored it', async () => {
  const unused = 'unused-key-of-web-0123456789'
  const gateway = await startGuarded({ SANDBOX: 'true', API_KEYS: `web:${webKey}, web:${unused}, mobile:${mobileKey}` })
  await callerOf(gateway, webKey).separate({ audioId: 'done' })
  await gateway.close()
  const never = { key: expect.stringMatching(/^[0-9a-f]{8}$/), isConfigured: true, expiresAt: null, lastUsedAt: null }
  expect(await adminJson(gateway, 'keys')).toEqual([
    { ...never, caller: 'key:web', lastUsedAt: expect.stringMatching(/^\d{4}-/) },
    { ...never, caller: 'key:web' },
    { ...never, caller: 'key:mobile' },
  ])
  const elsewhere = { environment: { DATABASE_URL: gateway.environment['DATABASE_URL'] ?? '' } }
  const unknown = /^CALLER +KEY +CONFIGURED +EXPIRES +LAST USED\nkey:web +[0-9a-f]{8} +\? +\? +\d{4}-.* ago\)\n$/
  const { stdout, stderr } = await runAdmin(elsewhere, 'keys')
  expect(stdout).toMatch(unknown)
  expect(stderr).toBe(
    'Which keys are configured is not known: the environment has neither API_KEYS nor API_KEYS_FILE.\n',
  )
  const { environment } = gateway
  const withoutFile = { environment: { ...environment, API_KEYS: '', API_KEYS_FILE: 'no-such-file' } }
  const missing = await runAdmin(withoutFile, 'keys')
  expect(missing.stdout).toMatch(unknown)
  expect(missing.stderr).toMatch(/is not known: the environment has mistakes\.\n {2}- API_KEYS_FILE/)
  const removed = await runAdmin({ environment: { ...environment, API_KEYS: `web:${unused}` } }, 'keys')
  expect(removed.stdout).toMatch(/^key:web +[0-9a-f]{8} +no +- +\d{4}-.* ago\)$/m)
})
