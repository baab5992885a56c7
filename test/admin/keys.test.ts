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
  const { stdout } = await runAdmin(elsewhere, 'keys')
  expect(stdout).toMatch(/^CALLER +KEY +CONFIGURED +EXPIRES +LAST USED\nkey:web +[0-9a-f]{8} +no +- +\d{4}-.* ago\)\n$/)
})
