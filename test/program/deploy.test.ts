import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { parseConfig } from '../../src/config/config.ts'
import { secretPaths } from '../../src/config/secret-files.ts'
import { canary } from '../support/canaries.ts'
import { startGateway } from '../support/gateway.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFile(join(root, path), 'utf8')

/** The longest time that a clean stop may take with this environment, in seconds. */
function stopSeconds(environment: NodeJS.Dict<string>): number {
  const { shutdownDelayMs, submitTimeoutMs } = parseConfig({ ...environment, SANDBOX: 'true' })
  return (shutdownDelayMs + submitTimeoutMs) / 1_000
}

describe('the manifests for Kubernetes', async () => {
  const folder = 'deploy/kubernetes'
  const port = z.union([z.string(), z.number()])
  const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) })
  const labels = z.record(z.string(), z.string())
  const selector = z.object({ matchLabels: labels })
  const manifest = async <T>(file: string, schema: z.ZodType<T>) => schema.parse(parse(await read(`${folder}/${file}`)))

  const config = await manifest('config.yaml', z.object({ data: z.object({ 'stemgate.env': z.string() }) }))
  const { spec: deployment } = await manifest(
    'deployment.yaml',
    z.object({
      spec: z.object({
        selector,
        template: z.object({
          metadata: z.object({ labels }),
          spec: z.object({
            terminationGracePeriodSeconds: z.number(),
            containers: z.tuple([
              z.object({
                image: z.string(),
                command: z.array(z.string()),
                ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
                startupProbe: probe,
                livenessProbe: probe,
                readinessProbe: probe,
                volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
              }),
            ]),
          }),
        }),
      }),
    }),
  )
  const { spec: pod, metadata } = deployment.template
  const [container] = pod.containers
  const portOf = (name: string) => container.ports.find((each) => each.name === name)?.containerPort
  const mountOf = (name: string) => container.volumeMounts.find((mount) => mount.name === name)?.mountPath

  const image = Object.fromEntries(
    [...(await read('Dockerfile')).matchAll(/\b(HOST|PORT)=(\S+)/g)]
      .slice(0, 2)
      .map(([, name, value]) => [name, value]),
  )
  const settings = parseEnv(config.data['stemgate.env'])
  const environment = { ...settings, ...image }
  const secret = `secret-of-a-manifest-${canary}`
  const values = new Map([...secretPaths(environment).keys()].map((name) => [name, secret]))
  const urls = { DATABASE_URL: 'postgres://database/stemgate', REDIS_URL: 'redis://redis' }
  for (const [name, url] of Object.entries(urls)) values.set(name, url)

  test('set only variables that a gateway knows, with valid values', () => {
    expect(image).toEqual({ HOST: '0.0.0.0', PORT: '4000' })
    expect(parseConfig(environment, { values, mistakes: new Map() })).toMatchObject({
      port: portOf('http'),
      admin: { host: '0.0.0.0', port: portOf('admin') },
      callbackSecrets: [secret],
    })
  })

  test('start the program with the file of settings, and mount it and the secrets', async () => {
    const [, option = ''] = container.command
    expect(container.command).toEqual(['node', `--env-file=${mountOf('config')}/stemgate.env`, 'dist/main.js'])
    expect(basename(option)).toBe('stemgate.env')
    const paths = [...secretPaths(environment).values(), settings['API_KEYS_FILE'] ?? '']
    expect(new Set(paths.map((path) => dirname(path)))).toEqual(new Set([mountOf('secrets')]))
    const [, documented = ''] =
      /create secret generic stemgate((?:.*\\\n)*.*)/.exec(await read('docs/operator.md')) ?? []
    const keys = [...documented.matchAll(/--from-\w+=([\w-]+)=/g)].map(([, key = '']) => key)
    expect(keys.toSorted()).toEqual(paths.map((path) => basename(path)).toSorted())
  })

  test('allow a gateway the time that a clean stop may take', () => {
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(
      stopSeconds({ ...settings, ...urls, DATABASE_URL_FILE: '' }),
    )
  })

  test('name each port and each label as the deployment does', async () => {
    const service = await manifest(
      'service.yaml',
      z.object({
        spec: z.object({
          selector: labels,
          ports: z.array(z.object({ name: z.string(), port, targetPort: z.string() })),
        }),
      }),
    )
    const budget = await manifest('pod-disruption-budget.yaml', z.object({ spec: z.object({ selector }) }))
    const policy = await manifest(
      'network-policy.yaml',
      z.object({
        spec: z.object({
          podSelector: selector,
          ingress: z.array(z.object({ ports: z.array(z.object({ port })) })),
        }),
      }),
    )
    const monitor = await manifest(
      'service-monitor.yaml',
      z.object({ spec: z.object({ selector, endpoints: z.array(z.object({ port: z.string(), path: z.string() })) }) }),
    )
    const selectors = [deployment, budget.spec, monitor.spec].map((each) => each.selector.matchLabels)
    for (const each of [...selectors, service.spec.selector, policy.spec.podSelector.matchLabels]) {
      expect(each).toEqual(metadata.labels)
    }
    for (const each of service.spec.ports) {
      expect(each).toEqual({ name: each.name, port: portOf(each.name), targetPort: each.name })
    }
    const open = policy.spec.ingress.flatMap((rule) => rule.ports.map((each) => each.port))
    expect(open).toEqual([portOf('http'), portOf('admin')])
    expect(monitor.spec.endpoints.map((each) => [portOf(each.port), each.path])).toEqual([
      [portOf('admin'), '/metrics'],
    ])
  })

  test('are all in the kustomization', async () => {
    const { resources } = await manifest('kustomization.yaml', z.object({ resources: z.array(z.string()) }))
    const files = (await readdir(join(root, folder))).filter((file) => file !== 'kustomization.yaml')
    expect(resources.toSorted()).toEqual(files.toSorted())
  })

  test('probe paths that a gateway serves, from other machines as well', async () => {
    const gateway = await startGateway({ API_KEYS: `web:key-of-web-${canary}`, ADMIN_PORT: '0' })
    const bases = { http: gateway.url, admin: gateway.app.adminUrl }
    for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      const base = httpGet.port === 'admin' ? bases.admin : bases.http
      const answer = await fetch(`${base}${httpGet.path}`)
      expect([httpGet.path, answer.status]).toEqual([httpGet.path, 200])
    }
  })
})

describe('the unit for systemd', async () => {
  const unit = await read('deploy/systemd/stemgate.service')
  const valueOf = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]
  const version = spawnSync('systemd-analyze', ['--version'])
  if (version.status !== 0) console.warn('systemd-analyze is not here: the unit is not verified.')

  test('reloads with SIGHUP what it starts, and allows the time that a clean stop may take', () => {
    expect(valueOf('ExecStart')).toMatch(/^\/usr\/bin\/node --env-file=\S+ \S+\/dist\/main\.js$/)
    expect(valueOf('ExecReload')).toBe('/bin/kill -HUP $MAINPID')
    expect(Number(valueOf('TimeoutStopSec'))).toBeGreaterThan(stopSeconds({}))
    // A variable of the unit would win over the file, and could not be reloaded.
    expect(unit).not.toMatch(/^Environment(File)?=/m)
  })

  test.skipIf(version.status !== 0)('is verified by systemd, which rates its exposure as low', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stemgate-unit-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'stemgate.service')
    // systemd looks for the program.
    await writeFile(path, unit.replace('/usr/bin/node', process.execPath))
    const analyze = (...args: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, path], { encoding: 'utf8' })
      return { status, stdout, stderr }
    }
    expect(analyze('verify', '--man=no')).toEqual({ status: 0, stdout: '', stderr: '' })
    // In tenths: 10.0 is the highest.
    expect(analyze('security', '--offline=yes', '--threshold=20', '--no-pager').status).toBe(0)
  })
})

test('deploy/compose.secrets.yaml gives each gateway of compose.yaml the files of secrets that gateways know', async () => {
  const gateway = z.object({ environment: z.record(z.string(), z.string()), secrets: z.array(z.string()) })
  const { services, secrets } = z
    .object({ services: z.record(z.string(), gateway), secrets: z.record(z.string(), z.object({ file: z.string() })) })
    .parse(parse(await read('deploy/compose.secrets.yaml')))
  const { services: base } = z
    .object({ services: z.record(z.string(), z.unknown()) })
    .parse(parse(await read('compose.yaml'), { merge: true }))
  expect(Object.keys(services)).toEqual(Object.keys(base).filter((name) => name.startsWith('gateway')))
  for (const { environment, secrets: given } of Object.values(services)) {
    const paths = secretPaths(environment)
    expect(paths.size).toBe(Object.keys(environment).length)
    expect([...paths.values()]).toEqual(given.map((name) => `/run/secrets/${name}`))
    expect(Object.keys(secrets)).toEqual(given)
  }
})
