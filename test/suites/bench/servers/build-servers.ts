import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** The paths of the built servers. */
export interface BareServers {
  readonly http: string
  readonly webSocket: string
  readonly eventStream: string
  /** A provider's file server. */
  readonly files: string
  readonly pipe: string
  readonly memoryReporter: string
}

/** Bundles the bare servers into plain JavaScript, because a compiler in their processes would be measured as well. */
export async function buildBareServers(folder: string): Promise<BareServers> {
  const entries = {
    http: 'bare-http',
    webSocket: 'bare-websocket',
    eventStream: 'bare-event-stream',
    files: 'file-server',
    pipe: 'bare-pipe',
    memoryReporter: 'report-memory',
  }
  const sources = fileURLToPath(new URL('.', import.meta.url))
  await build({
    entryPoints: Object.values(entries).map((name) => join(sources, `${name}.ts`)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // ws is a package of CommonJS, which calls it.
    banner: { js: "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)" },
    logLevel: 'error',
  })
  const pathOf = (name: string) => join(folder, `${name}.mjs`)
  return {
    http: pathOf(entries.http),
    webSocket: pathOf(entries.webSocket),
    eventStream: pathOf(entries.eventStream),
    files: pathOf(entries.files),
    pipe: pathOf(entries.pipe),
    memoryReporter: pathOf(entries.memoryReporter),
  }
}
