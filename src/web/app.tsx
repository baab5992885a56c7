import { useEffect, useMemo, useState } from 'preact/hooks'
import { OverviewDocument } from '../../schema/operations.ts'
import { keepCredential, readCredential } from './credential.ts'
import { createGateway } from './gateway.ts'
import { GatewayError, messageOf } from './gateway-error.ts'
import { Desk } from './desk.tsx'
import { KeyPrompt } from './key-prompt.tsx'
import type { Overview } from './overview.ts'

type Entry =
  | { readonly kind: 'opening' }
  | { readonly kind: 'open'; readonly overview: Overview }
  | { readonly kind: 'needs-key'; readonly problem: string | null }
  | { readonly kind: 'failed'; readonly problem: string }

/** The page: it asks for a key if the gateway needs one, then shows the caller's desk. */
export function App() {
  const [credential, setCredential] = useState(readCredential)
  const [attempt, setAttempt] = useState(0)
  const [entry, setEntry] = useState<Entry>({ kind: 'opening' })
  const gateway = useMemo(() => createGateway(credential), [credential, attempt])

  useEffect(() => {
    let isCurrent = true
    const enter = (next: Entry) => isCurrent && setEntry(next)
    const askForKey = () => enter({ kind: 'needs-key', problem: credential === null ? null : wrongKey })
    enter({ kind: 'opening' })
    const unlisten = gateway.onRefused(askForKey)
    gateway.send(OverviewDocument, {}).then(
      (overview) => enter({ kind: 'open', overview }),
      (error: unknown) => {
        if (error instanceof GatewayError && error.kind === 'unauthenticated') return
        enter({ kind: 'failed', problem: messageOf(error) })
      },
    )
    return () => {
      isCurrent = false
      unlisten()
      gateway.close()
    }
  }, [gateway])

  function useKey(key: string | null): void {
    keepCredential(key)
    setCredential(key)
    setAttempt(attempt + 1)
  }

  switch (entry.kind) {
    case 'opening':
      return <p class="before-start">Stemgate is loading…</p>
    case 'needs-key':
      return <KeyPrompt problem={entry.problem} onKey={useKey} />
    case 'failed':
      return (
        <main class="narrow">
          <h1>Stemgate cannot open now</h1>
          <p role="alert">{entry.problem} Your tasks and results are safe on the gateway.</p>
          <button class="primary" onClick={() => setAttempt(attempt + 1)}>
            Try again
          </button>
        </main>
      )
    case 'open':
      return (
        <Desk gateway={gateway} overview={entry.overview} onLeave={credential === null ? null : () => useKey(null)} />
      )
  }
}

const wrongKey =
  'The gateway does not accept this key. Check it for missing characters, or ask the operator for a new one.'
