import { setTimeout as sleep } from 'node:timers/promises'
import { readFileOfSecret } from '../config/secret-files.ts'
import type { SecretFile } from '../runtime/secret-file.ts'

export interface SecretFilesWatch {
  /** The paths of the files, by the name of the secret. */
  readonly paths: () => ReadonlyMap<string, string>
  /** What the files held at the start, by the name of the secret. */
  readonly values: ReadonlyMap<string, string>
  /** Called once for each new content of a file. */
  readonly onChange: (name: string, content: SecretFile) => void
}

/**
 * How often the files are read, in milliseconds. Reading notices every change, also where the file system sends no
 * notification: on a network file system, or when a link on the way to the file leads elsewhere.
 */
const intervalMs = 2_000
/** How long a file must stay unchanged before it is used, in milliseconds: a write may be in progress. */
const settleMs = 100

/** Watches files of secrets until the process ends, without keeping it alive. */
export function watchSecretFiles({ paths, values, onChange }: SecretFilesWatch): void {
  const known = new Map([...values].map(([name, value]) => [name, textOf({ kind: 'secret', value })]))

  async function look(name: string, path: string): Promise<void> {
    const content = await readFileOfSecret(name, path)
    const text = textOf(content)
    if (text === known.get(name)) return
    await sleep(settleMs, undefined, { ref: false })
    if (textOf(await readFileOfSecret(name, path)) !== text) return
    known.set(name, text)
    onChange(name, content)
  }

  async function watch(): Promise<void> {
    for (;;) {
      await sleep(intervalMs, undefined, { ref: false })
      for (const [name, path] of paths()) await look(name, path)
    }
  }

  void watch()
}

/** Equal for equal contents. */
function textOf(content: SecretFile): string {
  return content.kind === 'secret' ? `secret ${content.value}` : `unusable ${content.problem}`
}
