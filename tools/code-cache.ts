import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { codeCacheOf } from '../src/launch/launch.ts'

/** Runs the gateway, and writes the code that V8 has compiled by the time of a message. */
const recorder = `
import { writeFileSync } from 'node:fs'
const { launch } = await import(process.argv[1])
process.channel.unref()
const script = launch('main')
process.once('message', (path) => {
  writeFileSync(path, script.createCachedData())
  process.exit()
})`

const apiKey = 'key-of-the-build'
const order =
  'mutation { separate(input: { musicTaskId: "song", audioId: "done" }) { __typename ... on SeparateSuccess { task { id status } } } }'
const list = 'query ($first: Int) { separations(first: $first) { edges { node { id status stems { __typename } } } } }'

/**
 * Writes the code cache of the bundle: runs the gateway with the sandbox and a database in memory, sends it some requests,
 * and keeps what V8 compiled. Functions that did not run are compiled when they are first called, as without a cache.
 */
export async function writeCodeCache(bundle: string): Promise<void> {
  const launcher = pathToFileURL(join(dirname(bundle), 'launch.js')).href
  const gateway = spawn(process.execPath, ['--input-type=module', '-e', recorder, launcher], {
    // Nothing of this environment, which may name a provider that costs money.
    env: {
      PORT: '0',
      DATABASE_URL: ':memory:',
      API_KEYS: `build:${apiKey}`,
      LOG_LEVEL: 'silent',
      SANDBOX: 'true',
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exit = once(gateway, 'exit')
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let output = ''
      gateway.stdout?.on('data', (bytes) => {
        output += String(bytes)
        const found = /listening at (http:\S+)/.exec(output)?.[1]
        if (found !== undefined) resolve(found)
      })
      exit.then(() => reject(new Error('The gateway did not start, so its code cache cannot be made.')), reject)
    })
    await send(url, order)
    // The second time, the document is known.
    for (let nth = 0; nth < 2; nth++) await send(url, list, { first: 1 })
    gateway.send(codeCacheOf(bundle))
    await exit
  } finally {
    gateway.kill()
  }
}

async function send(url: string, query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ query, variables }),
  })
  const text = await response.text()
  if (text.includes('"errors"'))
    throw new Error(`The gateway refused a request, so its code cache cannot be made: ${text}`)
}
