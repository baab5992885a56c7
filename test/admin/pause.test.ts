import { describe, expect, test } from 'vitest'
import { SeparateDocument } from '../../schema/operations.ts'
import { adminJson, runAdmin, storeTasks } from '../support/admin.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, someTrack, storedTasks, untilSettled, type TestGateway } from '../support/gateway.ts'
import { readMetrics } from '../support/metrics.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { startProgram } from '../support/program.ts'
import { pendingTask } from '../support/tasks.ts'

/** How a gateway answers an order: the name of the type, and the message of a refusal. */
async function answerTo(gateway: TestGateway, audioId: string) {
  const { data } = await gateway.send(SeparateDocument, { input: { ...someTrack, audioId } })
  return { name: data?.separate.__typename, message: data && 'message' in data.separate ? data.separate.message : null }
}

const namesOf = (gateways: readonly TestGateway[], audioId: string) =>
  Promise.all(gateways.map(async (gateway, index) => (await answerTo(gateway, `${audioId}-${index}`)).name))

const offers = async (gateway: TestGateway) =>
  (await gateway.ask('{ providers { name available paused } }')).data?.['providers']

describe('a paused provider', () => {
  test('gets no new orders from any gateway, while what was ordered goes on', async () => {
    const provider = await startPlayedProvider()
    const first = await startGateway(provider.environment)
    const second = await startGateway(first.environment)
    const gateways = [first, second]
    const earlier = await order(first, { audioId: 'earlier' })
    expect(await adminJson(first, 'pause', 'KIE', '--reason', 'maintenance')).toMatchObject({
      provider: 'kie',
      isPaused: true,
      reason: 'maintenance',
    })
    const refused = ['ProviderUnavailableError', 'ProviderUnavailableError']
    const store = await openStoreOf(first)
    await expect
      .poll(async () => (await Promise.all(gateways.map(offers))).flat())
      .toEqual([
        { name: 'KIE', available: false, paused: true },
        { name: 'KIE', available: false, paused: true },
      ])
    const before = { orders: provider.orders.length, tasks: (await storedTasks(store)).length }
    expect(await namesOf(gateways, 'paused')).toEqual(refused)
    expect((await answerTo(second, 'paused')).message).toMatch(/operator has paused orders to KIE.*nothing was charged/)
    expect({ orders: provider.orders.length, tasks: (await storedTasks(store)).length }).toEqual(before)
    expect(await answerTo(second, 'earlier')).toEqual({ name: 'SeparateSuccess', message: null })
    expect((await readMetrics(first.url)).value('stemgate_provider_paused', { provider: 'kie' })).toBe(1)
    expect(second.logged.join('\n')).toMatch(/"event":"provider.paused","provider":"kie","reason":"maintenance"/)

    const { body } = await provider.order(0)
    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))
    await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))
    expect((await untilSettled(second, earlier)).status).toBe('SUCCESS')

    expect(await adminJson(first, 'resume', 'kie')).toMatchObject({ wasPaused: true })
    await expect
      .poll(() => Promise.all(gateways.map(offers)))
      .toEqual(gateways.map(() => [{ name: 'KIE', available: true, paused: false }]))
    expect(await namesOf(gateways, 'resumed')).toEqual(['SeparateSuccess', 'SeparateSuccess'])
  })

  test('stays paused over a restart, and its queued orders wait', async () => {
    const provider = await startPlayedProvider()
    const first = await startGateway(provider.environment)
    await adminJson(first, 'pause', 'kie')
    await first.close()
    const queued = pendingTask({ charge: 'NONE', providerTaskId: null, createdAtMs: Date.now() })
    await storeTasks(first, [{ ...queued, type: 'separate_vocal', musicTaskId: 'music-task', audioId: 'queued' }])
    const restarted = await startGateway(first.environment)
    expect(restarted.logged.join('\n')).toContain('"event":"provider.paused","provider":"kie"')
    expect((await answerTo(restarted, 'new')).name).toBe('ProviderUnavailableError')
    expect(provider.orders).toEqual([])
    await adminJson(first, 'resume', 'kie')
    expect((await provider.order(0)).body.audioId).toBe('queued')
  })
})

test('a gateway whose provider is paused is ready, and says so to those who may read the metrics', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    API_KEYS: 'web:key-of-web-0123456789',
    ADMIN_PORT: '0',
  })
  const readiness = async (url: string | null, headers = {}) => {
    const response = await fetch(`${url}/health/ready`, { headers })
    return { status: response.status, answer: await response.json() }
  }
  const ready = { status: 200, answer: { status: 'ready' } }
  const paused = { status: 200, answer: { status: 'ready', pausedProviders: ['kie'] } }
  expect(await readiness(gateway.app.adminUrl)).toEqual(ready)
  await adminJson(gateway, 'pause', 'kie')
  // A provider that is off gets no orders anyhow.
  await adminJson(gateway, 'pause', 'sunoapi')
  await expect.poll(() => readiness(gateway.app.adminUrl)).toEqual(paused)
  expect(await readiness(gateway.url, { 'x-forwarded-for': '192.0.2.1' })).toEqual(ready)
  await adminJson(gateway, 'resume', 'kie')
  await expect.poll(() => readiness(gateway.app.adminUrl)).toEqual(ready)
})

test('where the metrics need a token, the readiness names a paused provider to its holder only', async () => {
  const provider = await startPlayedProvider()
  const token = 'admin-token-0123456789'
  const gateway = await startGateway({ ...provider.environment, ADMIN_PORT: '0', ADMIN_TOKEN: token })
  await adminJson(gateway, 'pause', 'kie')
  const paused = { status: 'ready', pausedProviders: ['kie'] }
  for (const url of [gateway.app.adminUrl, gateway.url]) {
    const readiness = async (headers: Record<string, string>) =>
      (await fetch(`${url}/health/ready`, { headers })).json()
    await expect.poll(() => readiness({ authorization: `Bearer ${token}` })).toEqual(paused)
    expect(await readiness({})).toEqual({ status: 'ready' })
  }
})

test('the text at a start warns of a provider that is paused', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(provider.environment)
  await adminJson(gateway, 'pause', 'kie')
  await gateway.close()
  const started = startProgram(gateway.environment)
  await started.url
  await expect
    .poll(started.stdout)
    .toContain('! The operator has paused kie: it gets no new orders. To end that: npm run admin -- resume kie\n')
})

describe('pause and resume', () => {
  test('change nothing in a dry run, and may be repeated', async () => {
    const gateway = await startGateway()
    expect(await adminJson(gateway, 'pause', 'sandbox', '--dry-run')).toMatchObject({ isPaused: false, isDryRun: true })
    const { stdout } = await runAdmin(gateway, 'pause', 'sandbox', '--reason=first')
    expect(stdout).toBe('sandbox is paused: every gateway refuses new orders within two seconds.\n')
    expect((await runAdmin(gateway, 'pause', 'sandbox', '--reason=second')).stdout).toContain('was paused already')
    expect(await adminJson(gateway, 'pause')).toMatchObject([{ provider: 'sandbox', reason: 'second' }])
    expect((await runAdmin(gateway, 'resume', 'sandbox', '--dry-run')).stdout).toContain('would be resumed')
    expect((await runAdmin(gateway, 'resume', 'sandbox')).stdout).toContain('is resumed')
    const again = await runAdmin(gateway, 'resume', 'sandbox')
    expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 0, stdout: 'sandbox is not paused.\n' })
    // Six processes, one after the other.
  }, 90_000)

  test.each([
    { args: ['pause', 'spotify'], says: 'Unknown provider. It can be kie, apikley, sunoapi, or sandbox.' },
    { args: ['pause', '--dry-run'], says: 'Which provider? Give its name.' },
    { args: ['pause', 'kie', '--reason', 'a\nb'], says: '--reason must be one line of at most 200 characters.' },
    { args: ['resume', 'all'], says: 'Unknown provider. It can be kie, apikley, sunoapi, or sandbox.' },
  ])('refuse $args', async ({ args, says }) => {
    const { code, stderr } = await runAdmin({ environment: {} }, ...args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: `${says}\n` })
  })
})
