import { useEffect, useRef, useState } from 'preact/hooks'

export interface KeyPromptProps {
  /** Why the last key was not accepted; null at first. */
  readonly problem: string | null
  readonly onKey: (key: string) => void
}

/** Asks for the caller's key. It stays in this tab. */
export function KeyPrompt({ problem, onKey }: KeyPromptProps) {
  const [key, setKey] = useState('')
  const [missing, setMissing] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  const shown = missing ? 'Enter a key first.' : problem

  function submit(event: Event): void {
    event.preventDefault()
    const text = key.trim().replace(/^Bearer\s+/i, '')
    setMissing(text === '')
    if (text !== '') onKey(text)
    else field.current?.focus()
  }

  return (
    <main class="narrow">
      <p class="brand">Stemgate</p>
      <h1>Enter your key</h1>
      <p class="soft">This gateway separates songs into stems for callers it knows. The operator gives you the key.</p>
      <form onSubmit={submit} noValidate>
        <label for="key">API key or token</label>
        <input
          id="key"
          ref={field}
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={key}
          aria-invalid={shown !== null}
          aria-describedby={shown === null ? 'key-note' : 'key-problem key-note'}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        {shown !== null && (
          <p class="problem" id="key-problem" role="alert">
            {shown}
          </p>
        )}
        <p class="note" id="key-note">
          The key stays in this tab and is forgotten when you close it.
        </p>
        <button class="primary">Continue</button>
      </form>
    </main>
  )
}
