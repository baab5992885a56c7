import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { findCanary } from '../../support/canaries.ts'

const running = new Set<ChildProcess>()
// None is left behind by a run that is broken off.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A gateway in its own process that is stopped as operators stop it and started again on the same port. */
export interface RollingGateway {
  readonly port: number
  /** Resolves when it listens; throws what it wrote if it ends before. */
  start(): Promise<void>
  /** SIGTERM; resolves to its exit code, or to the signal that ended it. */
  stop(): Promise<number | NodeJS.Signals | null>
  /** The number of its subscriptions, from its metrics. */
  subscriptions(): Promise<number>
  /** Kills it. */
  close(): Promise<void>
}

export async function createRollingGateway(
  program: string,
  environment: Readonly<Record<string, string>>,
): Promise<RollingGateway> {
  const port = await fixedPort()
  let child: ChildProcess | null = null
  let leak: string | null = null

  /** Ends it if it runs; resolves to what `exit` returns. */
  async function end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    const mine = child
    child = null
    if (mine === null) return null
    if (!running.has(mine)) return mine.exitCode ?? mine.signalCode
    const gone = once(mine, 'exit')
    mine.kill(signal)
    const [code, killedBy]: (number | NodeJS.Signals | null)[] = await gone
    return code ?? killedBy ?? null
  }

  return {
    port,
    async start() {
      const mine = spawn(process.execPath, [program], {
        env: { PATH: process.env['PATH'], PORT: String(port), ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      child = mine
      running.add(mine)
      mine.once('exit', () => running.delete(mine))
      let said = ''
      await new Promise<void>((resolve, reject) => {
        mine.stdout.on('data', (data) => {
          said += String(data)
          leak ??= findCanary(said)
          if (/listening at http:\S+\/graphql/.test(said)) resolve()
        })
        mine.stderr.on('data', (data) => {
          said = (said + String(data)).slice(-4_000)
          leak ??= findCanary(said)
        })
        mine.once('exit', (code, signal) => reject(new Error(`A gateway ended with ${code ?? signal}:\n${said}`)))
      })
    },
    stop: () => end('SIGTERM'),
    async subscriptions() {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })
      return Number(/^stemgate_subscriptions (\d+)$/m.exec(await response.text())?.[1])
    },
    async close() {
      await end('SIGKILL')
      if (leak !== null) throw new Error(`A secret stands in what a gateway has written, ${leak}`)
    },
  }
}

/** A free port that the system does not assign by itself while the gateway is down: the system assigns higher ones. */
async function fixedPort(): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 10_000)
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch {
    return fixedPort()
  }
  server.close()
  await once(server, 'close')
  return port
}
