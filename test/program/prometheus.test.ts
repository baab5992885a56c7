import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { ReadDocument, SeparateDocument } from '../../schema/operations.ts'
import { alertCases } from '../support/alert-cases.ts'
import { endWithFile } from '../support/end-with-file.ts'
import { order, someTrack, startGateway, type TestGateway } from '../support/gateway.ts'
import { readMetrics } from '../support/metrics.ts'
import {
  accepted,
  callbackOfSuccess,
  noCredits,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
  type PlayedProvider,
} from '../support/played-provider.ts'
import { isPrometheusThere, runPromtool, startPrometheus, testAlerts, type Prometheus } from '../support/prometheus.ts'
import { transports } from '../support/transports.ts'
import { next, watchOver } from '../support/watchers.ts'

const alertsFile = new URL('../../deploy/alerts.yml', import.meta.url).pathname
const atEnd = endWithFile()

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

describe.skipIf(!isPrometheusThere())('a Prometheus that reads a gateway', () => {
  let provider: PlayedProvider
  let gateway: TestGateway
  let prometheus: Prometheus

  beforeAll(async () => {
    provider = await startPlayedProvider(atEnd)
    provider.answerRead({})
    gateway = await startGateway({ ...provider.environment, KIE_PRICES: 'separate_vocal:10' }, atEnd)
    // The alerts that the tests raise do not wait.
    const alerts = (await readFile(alertsFile, 'utf8')).replace(/(alert: StemgateKeyRefused[^]*?for: )1m/, '$10s')
    prometheus = await startPrometheus({ gatewayUrl: gateway.url, alerts }, atEnd)
  })

  const failingOrder = async (audioId: string) => gateway.send(SeparateDocument, { input: { ...someTrack, audioId } })

  test('raises no alert while all is well, and those that tell what goes wrong', async () => {
    await prometheus.untilScraped()
    expect(await prometheus.firing()).toEqual([])
    provider.answerSubmit((response) => void response.destroy())
    await failingOrder('lost')
    await expect.poll(prometheus.firing, { timeout: 10_000 }).toEqual(['StemgateChargeUnknown'])
    provider.answerSubmit(noCredits)
    await failingOrder('too-dear')
    provider.answerSubmit({ code: 401, msg: 'You do not have access permissions.', data: null })
    await failingOrder('refused')
    await expect
      .poll(prometheus.firing, { timeout: 10_000 })
      .toEqual(['StemgateChargeUnknown', 'StemgateKeyRefused', 'StemgateOutOfCredits'])
  })

  async function makeTraffic(audioId: string): Promise<void> {
    const nth = provider.orders.length
    const taskId = await order(gateway, { audioId })
    await order(gateway, { audioId })
    const watcher = watchOver.WebSocket(gateway.url, taskId)
    await next(watcher)
    provider.answerRead(recordOfSuccess(`provider-task-${nth + 1}`))
    await provider.callBack((await provider.order(nth)).body.callBackUrl, callbackOfSuccess(`provider-task-${nth + 1}`))
    expect((await next(watcher)).status).toBe('SUCCESS')
    await gateway.send(ReadDocument, { taskId })
    await transports.WebSocket(gateway.url, { query: '{ nothing }' })
  }

  test('answers the query of every panel of the dashboard', async () => {
    provider.answerSubmit((response, nth) => sendBody(response, accepted(`provider-task-${nth}`)))
    // A rate needs what grows while Prometheus looks.
    for (const audioId of ['first', 'second']) {
      await makeTraffic(audioId)
      await prometheus.untilScraped()
    }
    const dashboard = await readFile(new URL('../../deploy/dashboard.json', import.meta.url), 'utf8')
    const { panels }: { readonly panels: readonly Panel[] } = JSON.parse(dashboard)
    const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
    expect(queries.length).toBeGreaterThan(30)
    const empty: string[] = []
    for (const { title, expr } of queries) {
      const query = expr.replaceAll('$__rate_interval', '1m').replaceAll('$__range', '1m')
      const values = (await prometheus.query(query)).map(({ value: [, value] }) => value)
      if (values.every(Number.isNaN)) empty.push(title)
    }
    expect(empty).toEqual(['Redis answers'])
  })

  test('knows alerts that say how grave they are, and lead to a section of the guide', async () => {
    const guide = await readFile(new URL('../../docs/operator.md', import.meta.url), 'utf8')
    const sections = [...guide.matchAll(/^#### (Stemgate\w+)$/gm)].map(([, title = '']) => title)
    const alerts = await prometheus.alerts()
    const known = await readMetrics(gateway.url)
    for (const alert of alerts) {
      const { name, query } = alert
      expect(alert).toMatchObject({
        severity: expect.stringMatching(/^(warning|critical)$/),
        summary: expect.stringMatching(/^\S.{10,}/),
        description: expect.stringMatching(/\.$/),
        runbook: `docs/operator.md#${name.toLowerCase()}`,
      })
      const metrics = [...query.matchAll(/\bstemgate_\w+/g)].map(([each]) => each.replace(/_(bucket|count|sum)$/, ''))
      const unknown = metrics.filter((metric) => !known.text.includes(`# TYPE ${metric} `))
      expect({ name, unknown }).toEqual({ name, unknown: [] })
    }
    expect(sections).toEqual(alertCases.map(({ alert }) => alert))
    expect(alerts).toHaveLength(sections.length)
  })
})

describe.skipIf(!isPrometheusThere())('promtool', () => {
  test('has nothing to say against the alerts', async () => {
    expect(await runPromtool(['check', 'rules', '--lint-fatal', alertsFile])).toMatch(/SUCCESS: \d+ rules found\s*$/)
  })

  test('raises each alert for what it is about, and no other', async () => {
    expect(await testAlerts(alertsFile, alertCases)).toMatch(/^Unit Testing: .*\s+SUCCESS\s*$/)
  })

  test('knows a case for every alert', async () => {
    const names = [...(await readFile(alertsFile, 'utf8')).matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
    expect(alertCases.map(({ alert }) => alert)).toEqual(names)
  })
})
