import { findCanary } from '../../support/canaries.ts'
import { breach, type Breach } from './breach.ts'

/** Reads along what a gateway prints. */
export interface WordsJudge {
  take(words: string): void
  /** What was found since it was last asked. */
  breaches(): readonly Breach[]
  /** How many lines each message stands on. */
  readonly messages: ReadonlyMap<string, number>
}

const errorLevel = 50
const crashes = /\buncaught|\bunhandled|Warning: |FATAL ERROR|\bAssertionError/i
/** What the gateway tells its operator loudly, and what a provider's answer can have brought about. */
const usualErrors = new Set([
  'the provider does not accept the API key: check the key',
  "kie.ai does not accept the gateway's API key. Nothing was charged; the gateway's operator must fix it.",
  "Apikley does not accept the gateway's API key. Nothing was charged; the gateway's operator must fix it.",
  "kie.ai does not serve the gateway's orders. Nothing was charged; the gateway's operator must fix it.",
  "Apikley does not serve the gateway's orders. Nothing was charged; the gateway's operator must fix it.",
  'the provider gave this task an id that another task bears',
])

export function createWordsJudge(): WordsJudge {
  const messages = new Map<string, number>()
  const found: Breach[] = []
  let rest = ''

  function judge(line: string): void {
    const secret = findCanary(line)
    if (secret !== null) found.push(breach('no output contains a secret', `${secret} in ${line}`))
    if (crashes.test(line)) found.push(breach('the gateway stays up and answers', line))
    if (!line.startsWith('{')) return
    const { level = 0, msg = '' }: { level?: number; msg?: string } = JSON.parse(line)
    messages.set(msg, (messages.get(msg) ?? 0) + 1)
    if (level >= errorLevel && !usualErrors.has(msg)) {
      found.push(breach('no output reports an internal error', line))
    }
  }

  return {
    take(words) {
      const lines = (rest + words).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) judge(line)
    },
    breaches: () => found.splice(0),
    messages,
  }
}
