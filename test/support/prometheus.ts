import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { expect } from 'vitest'
import { z } from 'zod'
import { freePort } from './free-port.ts'
import type { Ending } from './gateway.ts'

/** Whether Debian's Prometheus is installed. Without it its tests are skipped, but not in CI. */
export function isPrometheusThere(): boolean {
  if (['promtool', 'prometheus'].every((name) => spawnSync(name, ['--version']).status === 0)) return true
  const reason = "there is no Prometheus: install Debian's prometheus"
  if (process.env['CI'] !== undefined) throw new Error(`The metrics cannot be tested: ${reason}`)
  console.warn(`Skipped the tests with Prometheus: ${reason}`)
  return false
}

/** What `promtool check metrics` says about the text; empty if it has nothing to say. */
export async function checkMetrics(metrics: string): Promise<string> {
  return runPromtool(['check', 'metrics'], metrics)
}

/** Everything that promtool prints. */
export async function runPromtool(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('promtool', args, { stdio: 'pipe' })
  child.stdin.end(input)
  const [output, errors] = await Promise.all([textOf(child.stdout), textOf(child.stderr)])
  return output + errors
}

/** A Prometheus that scrapes one gateway twice a second and evaluates alerts as often. */
export interface Prometheus {
  /** Resolves when it has scraped the gateway three times more. */
  untilScraped(): Promise<void>
  /** The samples that a query yields now. */
  query(query: string): Promise<readonly Sample[]>
  /** The names of the alerts that fire, in order. */
  firing(): Promise<readonly string[]>
  /** The alerts that it knows. */
  alerts(): Promise<readonly Alert[]>
}

export interface Alert {
  readonly name: string
  readonly query: string
  readonly severity: string | undefined
  readonly summary: string | undefined
  readonly description: string | undefined
  readonly runbook: string | undefined
}

const texts = z.record(z.string(), z.string())
const sample = z.object({ metric: texts, value: z.tuple([z.number(), z.string().transform(Number)]) })
const raisedAlerts = z.object({ alerts: z.array(z.object({ state: z.string(), labels: texts })) })
const ruleGroups = z.object({
  groups: z.array(
    z.object({
      rules: z.array(z.object({ name: z.string(), query: z.string(), labels: texts, annotations: texts })),
    }),
  ),
})
type Sample = z.infer<typeof sample>

/** Starts it on a port of its own. It ends with the test. */
export async function startPrometheus(
  { gatewayUrl, alerts }: { readonly gatewayUrl: string; readonly alerts: string },
  atEnd: Ending,
): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-prometheus-'))
  const port = await freePort()
  await writeFile(join(folder, 'alerts.yml'), alerts)
  const config = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
    rule_files: ['alerts.yml'],
    scrape_configs: [{ job_name: 'stemgate', static_configs: [{ targets: [new URL(gatewayUrl).host] }] }],
  }
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: 'ignore' },
  )
  atEnd(async () => {
    const exit = once(child, 'exit')
    child.kill()
    await exit
    await rm(folder, { recursive: true, force: true })
  })

  const get = async <T>(path: string, shape: z.ZodType<T>): Promise<T> => {
    const answer = await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).text()
    return z.object({ status: z.literal('success', answer), data: shape }).parse(JSON.parse(answer)).data
  }
  const query = async (text: string) =>
    (await get(`query?${new URLSearchParams({ query: text })}`, z.object({ result: z.array(sample) }))).result
  const scrapes = () =>
    query('count_over_time(up{job="stemgate"}[1h])').then(
      ([found]) => found?.value[1] ?? 0,
      // It does not listen yet.
      () => 0,
    )

  return {
    query,
    async untilScraped() {
      const before = await scrapes()
      await expect.poll(scrapes, { timeout: 20_000, interval: 100 }).toBeGreaterThanOrEqual(before + 3)
    },
    async firing() {
      const { alerts: raised } = await get('alerts', raisedAlerts)
      const names = raised.filter(({ state }) => state === 'firing').map(({ labels }) => labels['alertname'] ?? '')
      return [...new Set(names)].toSorted()
    },
    async alerts() {
      const { groups } = await get('rules', ruleGroups)
      return groups
        .flatMap(({ rules }) => rules)
        .map(({ name, query: text, labels, annotations }) => ({
          name,
          query: text,
          severity: labels['severity'],
          summary: annotations['summary'],
          description: annotations['description'],
          runbook: annotations['runbook'],
        }))
    },
  }
}

/** Runs `promtool test rules`: each case is to raise its alert alone. Returns what it prints. */
export async function testAlerts(
  alertsFile: string,
  cases: readonly { readonly alert: string; readonly series: Readonly<Record<string, string>> }[],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-alerts-'))
  const file = join(folder, 'cases.yml')
  const tests = cases.map(({ alert, series }) => ({
    name: alert,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: '40m',
        exp_samples: [{ labels: `{alertname="${alert}"}`, value: 1 }],
      },
    ],
  }))
  try {
    await writeFile(file, JSON.stringify({ rule_files: [alertsFile], evaluation_interval: '1m', tests }))
    return await runPromtool(['test', 'rules', file])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
