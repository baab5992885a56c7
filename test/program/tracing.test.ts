import { expect, test } from 'vitest'
import { newFolderArchive } from '../support/archive.ts'
import { collectorToken, startCollector, type CollectedSpan } from '../support/collector.ts'
import { order, startGateway, untilSettled } from '../support/gateway.ts'
import { readMetrics } from '../support/metrics.ts'
import { callbackOfSuccess, kieKey, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { startWebhookReceiver } from '../support/webhook-receiver.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const providerTraceId = 'a3ce929d0e0e47364bf92f3577b34da6'
const callerSpanId = '00f067aa0ba902b7'

/** Orders with this `traceparent`. Resolves to the id of the task, if there is one. */
async function separate(url: string, traceparent: string | null, audioId = 'audio-1'): Promise<string | undefined> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(traceparent === null ? {} : { traceparent }) },
    body: JSON.stringify({
      query: `mutation { separate(input: { musicTaskId: "m", audioId: "${audioId}" }) { ... on SeparateSuccess { task { id } } } }`,
    }),
  })
  const { data }: { readonly data: { readonly separate: { readonly task?: { readonly id: string } } } } = JSON.parse(
    await response.text(),
  )
  return data.separate.task?.id
}

test('an order, its submit, its callback and its check are spans of one trace, also over a restart', async () => {
  const collector = await startCollector()
  const provider = await startPlayedProvider()
  const environment = {
    ...provider.environment,
    ...collector.environment,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=other',
    OTEL_SERVICE_NAME: 'stems of the shop',
    DATABASE_URL: await newDatabaseUrl(),
    CHECK_INTERVAL_SECONDS: '3600',
  }
  const before = startProgram({ ...environment, LOG_INSTANCE: 'before' })
  const taskId = await separate(await before.url, `00-${traceId}-${callerSpanId}-01`)
  const { headers, body } = await provider.order(0)
  before.signal('SIGTERM')
  expect(await before.exit).toBe(0)

  provider.answerRead(recordOfSuccess('provider-task-1'))
  const after = startProgram({ ...environment, LOG_INSTANCE: 'after' })
  const callbackUrl = `${await after.url}${new URL(body.callBackUrl).pathname}`
  const ofProvider = { traceparent: `00-${providerTraceId}-${callerSpanId}-01` }
  expect(await provider.callBack(callbackUrl, callbackOfSuccess('provider-task-1'), ofProvider)).toBe(200)
  expect(before.stdout()).toContain(`  Traces        ${collector.environment['OTEL_EXPORTER_OTLP_ENDPOINT']}v1/traces `)
  const [ordered] = await collector.named('separate')
  const [submitted] = await collector.named('submit')
  const [calledBack] = await collector.named('callback')
  const [checked] = await collector.named('check')

  const kie = { 'stemgate.provider': 'kie' }
  const parentSpanId = ordered?.spanId
  expect([ordered, submitted, calledBack, checked]).toMatchObject([
    {
      kind: 'server',
      parentSpanId: callerSpanId,
      attributes: { ...kie, 'stemgate.task.id': taskId, 'stemgate.outcome': 'accepted' },
      resource: {
        'service.name': 'stems of the shop',
        'service.version': expect.any(String),
        'service.instance.id': 'before',
        'deployment.environment.name': 'test',
      },
    },
    { kind: 'client', parentSpanId, attributes: { ...kie, 'stemgate.answer': 'accepted' } },
    {
      kind: 'server',
      parentSpanId,
      attributes: { ...kie, 'stemgate.task.id': taskId, 'stemgate.callback.result': 'saved' },
      links: [providerTraceId],
      resource: { 'service.instance.id': 'after' },
    },
    { kind: 'client', parentSpanId, attributes: { ...kie, 'stemgate.answer': 'succeeded' } },
  ])
  expect(new Set(collector.spans.map((span) => span.traceId))).toEqual(new Set([traceId]))
  expect(new Set(collector.spans.map((span) => span.spanId)).size).toBe(collector.spans.length)
  expect(collector.spans.filter(({ isError }) => isError)).toEqual([])
  // The provider's own spans belong below that of the submit.
  expect(headers['traceparent']).toBe(`00-${traceId}-${submitted?.spanId}-01`)
  const [request] = collector.requests
  expect(request).toMatchObject({ path: '/v1/traces', headers: { authorization: `Bearer ${collectorToken}` } })
  const token = body.callBackUrl.split('/').at(-1) ?? ''
  for (const secret of [token, kieKey, collectorToken]) {
    expect(collector.requests.map((each) => each.body).join('\n')).not.toContain(secret)
  }
})

test('the copies of stems are spans of the trace of their order', async () => {
  const collector = await startCollector()
  const archive = await newFolderArchive()
  const gateway = await startGateway({ ...collector.environment, ...archive.environment })
  const taskId = await order(gateway, { audioId: 'done' })
  const [ordered] = await collector.named('separate')
  expect(await collector.named('archive')).toMatchObject([
    {
      kind: 'internal',
      traceId: ordered?.traceId,
      parentSpanId: ordered?.spanId,
      attributes: { 'stemgate.task.id': taskId, 'stemgate.provider': 'sandbox' },
    },
  ])
  expect(await archive.keys()).toHaveLength(2)
})

test('each attempt to send a webhook is a span of the trace of its order, without the address', async () => {
  const collector = await startCollector()
  const receiver = await startWebhookReceiver()
  receiver.answer((response) => response.writeHead(receiver.received.length === 1 ? 503 : 204).end())
  const gateway = await startGateway({ ...collector.environment, ...receiver.environment }, undefined, {
    webhookRetryDelaysMs: [1],
  })
  const taskId = await order(gateway, { audioId: 'done', webhookUrl: `${receiver.url}/secret-path` })
  const [ordered] = await collector.named('separate')
  const sent = await collector.named('webhook', 2)
  const { id, headers } = await receiver.webhook(1)
  const common = {
    'stemgate.task.id': taskId,
    'stemgate.webhook.id': id,
    'stemgate.webhook.type': 'separation.settled',
  }
  const ofOrder = { kind: 'client', traceId: ordered?.traceId, parentSpanId: ordered?.spanId }
  expect(sent).toMatchObject([
    { ...ofOrder, isError: true, attributes: { ...common, 'stemgate.webhook.attempt': 1, 'error.type': '503' } },
    { ...ofOrder, isError: false, attributes: { ...common, 'http.response.status_code': 204 } },
  ])
  expect(headers['traceparent']).toBeUndefined()
  expect(collector.requests.map(({ body }) => body).join('\n')).not.toContain('secret-path')
})

test('orders go on while the collector hangs: spans beyond the queue are dropped, and a stop does not wait for it', async () => {
  const collector = await startCollector()
  collector.answer(() => {})
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    ...collector.environment,
    OTEL_BSP_MAX_QUEUE_SIZE: '2',
  })
  await order(gateway, { audioId: 'first' })
  await collector.asked()
  const audioIds = ['a', 'b', 'c', 'd', 'e', 'f']
  await Promise.all(audioIds.map((audioId) => order(gateway, { audioId })))
  provider.answerRead(recordOfSuccess('provider-task-1'))
  const { callBackUrl } = (await provider.order(0)).body
  expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)

  const metrics = await readMetrics(gateway.url)
  // Of 7 orders with 2 spans each and a callback, at most 2 are sent and 2 wait.
  expect(metrics.value('stemgate_spans_dropped_total', { reason: 'queue-full' })).toBeGreaterThanOrEqual(11)
  expect(metrics.value('stemgate_spans_sent_total')).toBe(0)
  const outages = gateway.logged.filter((line) => line.includes('"outage":"traces"'))
  expect(outages.map((line) => JSON.parse(line))).toMatchObject([{ event: 'outage.began', level: 'warn' }])
  const sinceMs = performance.now()
  await gateway.close()
  expect(performance.now() - sinceMs).toBeLessThan(8_000)
})

test('spans that the collector refuses are counted, and the log tells once', async () => {
  const collector = await startCollector()
  collector.answer((response) => response.writeHead(401).end('who are you?'))
  const { OTEL_EXPORTER_OTLP_PROTOCOL: _, ...environment } = collector.environment
  const gateway = await startGateway(environment)
  const taskId = await order(gateway, { audioId: 'done' })
  await untilSettled(gateway, taskId)
  const dropped = async () =>
    (await readMetrics(gateway.url)).value('stemgate_spans_dropped_total', { reason: 'not-sent' })
  await expect.poll(dropped, { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
  expect(collector.requests[0]?.headers['content-type']).toBe('application/x-protobuf')
  const outages = gateway.logged.filter((line) => line.includes('"outage":"traces"'))
  expect(outages.map((line) => JSON.parse(line))).toMatchObject([{ event: 'outage.began', cause: 'HTTP 401' }])
})

test('a trace that its caller does not record is not recorded, and an order without a trace begins one', async () => {
  const collector = await startCollector()
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, ...collector.environment })
  await separate(gateway.url, `00-${traceId}-${callerSpanId}-00`, 'not-recorded')
  await separate(gateway.url, null, 'recorded')
  const joined = await separate(gateway.url, null, 'recorded')
  const [first, second] = await collector.named('separate', 2)
  const lines = gateway.logged.map((line): Record<string, unknown> => JSON.parse(line))
  const line = lines.find(({ event, taskId }) => event === 'task.joined' && taskId === joined)
  expect(first).toMatchObject({ parentSpanId: null, traceId: line?.['traceId'] })
  expect(second).toMatchObject({ attributes: { 'stemgate.outcome': 'joined' }, links: [first?.traceId] })
  expect(second?.traceId).not.toBe(first?.traceId)
  const ofTrace = (span: CollectedSpan) => span.traceId === traceId
  expect(collector.spans.filter(ofTrace)).toEqual([])
  // The provider hears that nobody records it.
  expect((await provider.order(0)).headers['traceparent']).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`))
})

test('an order that the provider refuses or does not answer is a failed submit', async () => {
  const collector = await startCollector()
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, ...collector.environment })
  provider.answerSubmit({ code: 402, msg: 'The current credits are insufficient.', data: null })
  await separate(gateway.url, null, 'refused')
  provider.answerSubmit((response) => response.destroy())
  await separate(gateway.url, null, 'lost')
  expect(await collector.named('submit', 2)).toMatchObject([
    { isError: true, attributes: { 'error.type': 'insufficient-credits', 'stemgate.provider_code': 402 } },
    { isError: true, attributes: { 'error.type': 'no-usable-answer', 'stemgate.answer': 'unknown' } },
  ])
  expect(await collector.named('separate', 2)).toMatchObject([{ isError: false }, { isError: false }])
})
